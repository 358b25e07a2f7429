//! How much memory a device has: in all, and for what this process may still load. Who may have it is told in `shelf`.

use tch::Device;

use crate::shelf::Shelf;

/// Bytes that a device has for this process if nothing of the shelf were loaded: what is free there, and what this process
/// holds already. `None` where the device does not say.
pub fn room(device: Device, shelf: &Shelf) -> Option<u64> {
    match device {
        Device::Cuda(number) => {
            let told = nvidia(number, "--query-gpu=memory.free")?;
            let free = megabytes(&told)?;
            // What libtorch keeps for itself after a network is gone is free as well, but not for the driver.
            let own = nvidia(number, "--query-compute-apps=pid,used_memory").and_then(|told| own(&told));
            Some(free + own.unwrap_or_else(|| shelf.held_bytes()))
        }
        _ => Some(meminfo("MemAvailable:")? + shelf.held_bytes()),
    }
}

/// Bytes of memory that a device has in all; less, where this process is held to less.
pub fn memory_of(device: Device) -> Option<u64> {
    match device {
        Device::Cuda(number) => megabytes(&nvidia(number, "--query-gpu=memory.total")?),
        _ => {
            let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
            let limit = limit.and_then(|text| text.trim().parse::<u64>().ok()); // or “max”
            let all = meminfo("MemTotal:")?;
            Some(limit.map_or(all, |limit| limit.min(all)))
        }
    }
}

/// What is kept loaded between jobs where nobody says how much: half of the device's memory.
pub fn usual_budget(device: Device) -> u64 {
    memory_of(device).map_or(0, |bytes| bytes / 2)
}

/// Gives up what waits on the shelf until so many bytes can be loaded; what lies in `slot` is part of them.
pub fn make_room(shelf: &Shelf, device: Device, bytes: u64, slot: &str) {
    if let Some(room) = room(device, shelf) {
        shelf.make_room(room, bytes, &[slot]);
    }
}

/// A device as the driver numbers it: libtorch counts those that it is shown.
fn driver_name(number: usize, shown: Option<&str>) -> String {
    let of_shown = shown.and_then(|shown| shown.split(',').map(str::trim).nth(number));
    of_shown.filter(|name| !name.is_empty()).map_or_else(|| number.to_string(), str::to_owned)
}

fn nvidia(number: usize, query: &str) -> Option<String> {
    let shown = std::env::var("CUDA_VISIBLE_DEVICES").ok();
    let id = format!("--id={}", driver_name(number, shown.as_deref()));
    let ask = [query, "--format=csv,noheader,nounits", &id];
    let told = std::process::Command::new("nvidia-smi").args(ask).output().ok()?;
    told.status.success().then(|| String::from_utf8_lossy(&told.stdout).into_owned())
}

fn megabytes(told: &str) -> Option<u64> {
    told.trim().parse::<u64>().ok().map(|megabytes| megabytes << 20)
}

/// What this process has of a device, of lines like `4711, 1024`; `None` where the driver knows it by another number, as it does
/// in a container.
fn own(told: &str) -> Option<u64> {
    let pid = std::process::id().to_string();
    let mine = told.lines().filter_map(|line| line.split_once(',')).find(|(of, _)| of.trim() == pid);
    megabytes(mine?.1)
}

fn meminfo(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes = line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?;
    Some(kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_says_how_much_memory_it_has() {
        const HELD: u64 = 1 << 50;
        let (shelf, all) = (Shelf::new(1 << 30), memory_of(Device::Cpu).unwrap());
        assert!(all > 1 << 20 && usual_budget(Device::Cpu) == all / 2);
        let before = room(Device::Cpu, &shelf).unwrap();
        assert!(before > 1 << 20);
        // What is held could be given up, so it counts as room.
        let lent = shelf.lend("a", "1", || Ok::<_, ()>(((), HELD))).unwrap();
        assert!(room(Device::Cpu, &shelf).unwrap() > HELD);
        drop(lent);
    }

    #[test]
    fn what_the_driver_says_is_understood() {
        assert_eq!(megabytes(" 8192\n"), Some(8 << 30));
        assert_eq!(megabytes("[N/A]"), None);
        let pid = std::process::id();
        assert_eq!(own(&format!("1, 5\n{pid}, 1024\n")), Some(1 << 30));
        assert_eq!((own("1, 5\n"), own(&format!("{pid}, [N/A]"))), (None, None));
        let names = [driver_name(1, None), driver_name(1, Some("3, 5")), driver_name(4, Some("3"))];
        assert_eq!(names, ["1", "5", "4"]);
    }
}
