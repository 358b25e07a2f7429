//! What takes the disk's room, project by project, and the removal of what nothing needs.

use domain::disk::{ProjectUse, size};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;

use super::projects::StudioFrame;
use crate::api::disk::{DiskView, get_disk, sweep_now};
use crate::components::ui::{Ago, Button, Failure, Kind, Loading, use_toasts};
use crate::components::words;
use crate::routes::href;

#[component]
pub fn DiskPage() -> impl IntoView {
    let disk = Resource::new(|| (), |()| get_disk());
    let page = move || {
        Suspend::new(async move {
            match disk.await {
                Ok(found) => view! { <Found found again=move |()| disk.refetch()/> }.into_any(),
                Err(error) => view! { <Failure error retry=move |()| disk.refetch()/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Disk"/>
        <StudioFrame>
            <header class="page__head"><h1>"Disk"</h1></header>
            <Transition fallback=Loading>{page}</Transition>
        </StudioFrame>
    }
}

#[component]
fn Found(found: DiskView, #[prop(into)] again: Callback<()>) -> impl IntoView {
    let DiskView { projects, blobs, bytes, unused, sweep, cache_bytes, upload_bytes, free_bytes, swept } =
        found;
    let most = projects.first().map_or(0, |project| project.bytes).max(1);
    let is_empty = projects.is_empty();
    let shared = bytes - unused.bytes - projects.iter().map(|project| project.freed_bytes).sum::<i64>();
    let figure = |name: &'static str, bytes: i64, note: String| {
        view! {
            <div class="figure">
                <dt class="figure__name">{name}</dt>
                <dd class="figure__value">{size(bytes)}</dd>
                <dd class="figure__note">{note}</dd>
            </div>
        }
    };
    let ripe = sweep.blobs > 0 || sweep.parts > 0;
    let young = match unused.young_blobs {
        0 => String::new(),
        n => format!(
            " {} ({}) stay for now, since they were put or used within a day.",
            words::count(n, "other"),
            size(unused.young_bytes)
        ),
    };
    let said = if ripe {
        format!("A sweep would remove {}.{young}", sweep.words())
    } else {
        format!("Nothing can be removed now.{young}")
    };
    let toasts = use_toasts();
    let (asks, busy) = (RwSignal::new(false), RwSignal::new(false));
    let act = move |_| {
        busy.set(true);
        spawn_local(async move {
            match sweep_now().await {
                Ok(swept) => toasts.say(format!("Removed {}", swept.words())),
                Err(error) => toasts.fail(error),
            }
            busy.try_set(false);
            asks.try_set(false);
            again.run(());
        });
    };
    view! {
        <dl class="figures">
            {figure("Projects", bytes - unused.bytes, words::count(blobs - unused.blobs, "file"))}
            {figure("Shared between projects", shared, "counted for each, kept once".to_owned())}
            {figure("Used by nothing", unused.bytes, words::count(unused.blobs, "file"))}
            {figure("Cache", cache_bytes, "can be made again".to_owned())}
            {figure("Uploads on their way", upload_bytes, "until they are shots".to_owned())}
            {figure("Free on the disk", free_bytes, String::new())}
        </dl>
        <section class="settings-panel disk__sweep" aria-label="Sweep">
            <h2>"What nothing needs"</h2>
            <p>{said}</p>
            <p class="faint">
                "The server sweeps once a day by itself."
                {swept.map(|(at, said)| view! { " Last " <Ago at=Signal::stored(at)/> ": " {said} "." })}
            </p>
            {ripe.then(|| view! {
                <div class="form__row">
                    <Show
                        when=move || asks.get()
                        fallback=move || view! { <Button on:click=move |_| asks.set(true)>"Sweep now…"</Button> }
                    >
                        <Button kind=Kind::Danger disabled=busy on:click=act>"Remove it for good"</Button>
                        <Button kind=Kind::Quiet disabled=busy on:click=move |_| asks.set(false)>"Keep it"</Button>
                    </Show>
                </div>
            })}
        </section>
        <div class="table-scroll" hidden=is_empty>
            <table class="table disk">
                <thead>
                    <tr>
                        <th scope="col">"Project"</th>
                        <th scope="col" class="disk__number">"Takes"</th>
                        <th scope="col" class="disk__number">"Free if deleted"</th>
                        <th scope="col" class="disk__number">"Files"</th>
                    </tr>
                </thead>
                <tbody>{projects.into_iter().map(|project| row(project, most)).collect_view()}</tbody>
            </table>
        </div>
    }
}

fn row(project: ProjectUse, most: i64) -> impl IntoView {
    let ProjectUse { project_id, name, is_archived, is_binned, blobs, bytes, freed_bytes } = project;
    let to = if is_binned { href::BIN.to_owned() } else { href::project_settings(project_id) };
    let share = format!("inline-size: {:.1}%", bytes as f64 * 100.0 / most as f64);
    view! {
        <tr>
            <td>
                <a class="disk__name" href=to>{name}</a>
                {is_archived.then(|| view! { <span class="badge">"archived"</span> })}
                {is_binned.then(|| view! { <span class="badge">"in the bin"</span> })}
                <span class="disk__bar" aria-hidden="true"><span class="disk__share" style=share></span></span>
            </td>
            <td class="disk__number"><span class="disk__label">"takes "</span>{size(bytes)}</td>
            <td class="disk__number"><span class="disk__label">"free if deleted "</span>{size(freed_bytes)}</td>
            <td class="disk__number">{blobs}<span class="disk__label">" files"</span></td>
        </tr>
    }
}
