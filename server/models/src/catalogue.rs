//! The models there are for what this product does. Names, sizes and places: void-spec §7.1; what a licence says stands where
//! it is published, and a person reads it there.

/// Under which terms weights are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Licence {
    pub name: &'static str,
    /// Where its text is.
    pub url: &'static str,
}

/// Where weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A repository of the Hugging Face hub, `owner/name`.
    Hub { repo: &'static str },
    /// One file with the first eight digits of its SHA-256 in its name, as PyTorch's hub names them.
    File { url: &'static str },
}

/// One thing to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub slug: &'static str,
    pub title: &'static str,
    /// What works with it.
    pub serves: &'static str,
    pub licence: Licence,
    /// What its publisher asks for before it may be fetched, and how to get it; `None`: nothing.
    pub access: Option<&'static str>,
    pub source: Source,
    /// Where it lies in the folder of the models.
    pub folder: &'static str,
    /// Patterns of paths in the source, which are the paths in the folder: without one of these it does not work.
    pub needed: &'static [&'static str],
    /// Patterns of what is fetched with it.
    pub more: &'static [&'static str],
    /// What is needed, and a file that does as well where somebody put it there by hand.
    pub instead: &'static [(&'static str, &'static str)],
    /// About as many bytes.
    pub bytes: u64,
}

pub const ALL: &[Part] = &[
    Part {
        slug: "cogvideox",
        title: "CogVideoX-Fun V1.5 5b InP",
        serves: "VOID, both passes: text encoder, autoencoder and configurations",
        licence: Licence {
            name: "CogVideoX licence",
            url: "https://huggingface.co/alibaba-pai/CogVideoX-Fun-V1.5-5b-InP",
        },
        access: None,
        source: Source::Hub { repo: "alibaba-pai/CogVideoX-Fun-V1.5-5b-InP" },
        folder: "void/CogVideoX-Fun-V1.5-5b-InP",
        needed: &[
            "transformer/config.json",
            "vae/config.json",
            "vae/*.safetensors",
            "text_encoder/config.json",
            "text_encoder/*.safetensors",
            "tokenizer/spiece.model",
            "scheduler/scheduler_config.json",
        ],
        // The base transformer's own weights are not: VOID brings its own.
        more: &["text_encoder/*.index.json", "tokenizer/*.json"],
        instead: &[],
        bytes: 9_950_000_000,
    },
    Part {
        slug: "void",
        title: "VOID, pass 1 and pass 2",
        serves: "VOID: the transformers",
        licence: Licence {
            name: "the licence on its page",
            url: "https://huggingface.co/netflix/void-model",
        },
        access: None,
        source: Source::Hub { repo: "netflix/void-model" },
        folder: "void",
        needed: &["void_pass1.safetensors", "void_pass2.safetensors"],
        more: &[],
        instead: &[],
        bytes: 22_290_000_000,
    },
    Part {
        slug: "raft",
        title: "RAFT large",
        serves: "VOID's pass 2: the motion that its noise follows",
        licence: Licence { name: "BSD-3-Clause", url: "https://github.com/pytorch/vision/blob/main/LICENSE" },
        access: None,
        source: Source::File {
            url: "https://download.pytorch.org/models/raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        },
        folder: "void",
        needed: &["raft_large*"],
        more: &[],
        instead: &[],
        bytes: 20_100_000,
    },
    Part {
        slug: "sam2",
        title: "SAM 2.1 Hiera large",
        serves: "Masks that grow from clicks, in the place of the built-in segmenter",
        licence: Licence { name: "Apache-2.0", url: "https://huggingface.co/facebook/sam2.1-hiera-large" },
        access: None,
        source: Source::Hub { repo: "facebook/sam2.1-hiera-large" },
        folder: "sam2",
        needed: &["*.safetensors"],
        more: &[],
        instead: &[],
        bytes: 900_000_000,
    },
    Part {
        slug: "sam3",
        title: "SAM 3",
        serves: "Targets and causes that are found by words",
        licence: Licence {
            name: "SAM License (no military, nuclear or weapons use; passed on only with the licence)",
            url: "https://huggingface.co/facebook/sam3/blob/main/LICENSE",
        },
        access: Some(
            "Its repository is behind a gate. Open https://huggingface.co/facebook/sam3 with an account and fill in the form (name, date \
             of birth, country, affiliation, job title); access is granted to that account. Then make a token that may read, and give \
             it here; or put the files into the folder by hand. Without it everything works by clicks.",
        ),
        source: Source::Hub { repo: "facebook/sam3" },
        folder: "sam3",
        needed: &["model.safetensors", "config.json", "vocab.json", "merges.txt"],
        more: &["LICENSE"],
        // The same weights again, in the form of the official code.
        instead: &[
            ("model.safetensors", "sam3.pt"),
            ("config.json", "sam3.pt"),
            ("vocab.json", "bpe_simple_vocab_16e6.txt.gz"),
            ("merges.txt", "bpe_simple_vocab_16e6.txt.gz"),
        ],
        bytes: 3_440_000_000,
    },
];

/// # Errors
/// [`crate::Error::Unknown`].
pub fn find(slug: &str) -> crate::Result<&'static Part> {
    ALL.iter().find(|part| part.slug == slug).ok_or_else(|| crate::Error::Unknown(slug.to_owned()))
}

impl Part {
    /// Whether a file does for something that is needed.
    pub(crate) fn stands_in(&self, path: &str) -> bool {
        self.instead.iter().any(|(_, file)| *file == path)
    }

    /// Whether a path of the source belongs to it.
    pub fn wants(&self, path: &str) -> bool {
        self.needed.iter().chain(self.more).any(|pattern| matches(pattern, path))
    }
}

/// `*` stands for anything within one folder's name.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_with(path, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_of_a_repository() {
        let base = find("cogvideox").expect("known");
        for path in
            ["text_encoder/model-00001-of-00002.safetensors", "tokenizer/spiece.model", "vae/config.json"]
        {
            assert!(base.wants(path), "{path}");
        }
        for path in
            ["transformer/diffusion_pytorch_model.safetensors", "README.md", "vae/deeper/x.safetensors"]
        {
            assert!(!base.wants(path), "{path}");
        }
        assert!(find("sam4").is_err());
        assert!(find("sam3").expect("known").wants("merges.txt"));
        assert!(!find("sam3").expect("known").wants("sam3.pt"), "twice the gigabytes for the same weights");
        for part in ALL {
            for pattern in part.needed.iter().chain(part.more) {
                assert!(glob::Pattern::new(pattern).is_ok(), "{pattern}");
            }
        }
    }
}
