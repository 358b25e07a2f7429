//! Line icons on a grid of 16. Drawn for this product.

use leptos::prelude::*;

/// What a picture means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyph {
    Add,
    Back,
    Bars,
    Bell,
    Bin,
    Calendar,
    Check,
    Chevron,
    Close,
    Copy,
    Down,
    Film,
    Folder,
    Gear,
    Hand,
    Keyboard,
    Link,
    Lock,
    More,
    Jobs,
    Pause,
    People,
    Play,
    Redo,
    Search,
    Sequence,
    SignOut,
    Undo,
    Up,
    Upload,
    Warning,
}

impl Glyph {
    fn path(self) -> &'static str {
        match self {
            Self::Add => "M8 3.5v9M3.5 8h9",
            Self::Back => "M10 3.5 5.5 8l4.5 4.5",
            Self::Bars => "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
            Self::Bell => {
                "M8 2.500a3.750 3.750 0 0 1 3.750 3.750v2.500l1.250 2.500H3l1.250-2.500v-2.500A3.750 3.750 0 0 1 8 2.500ZM6.750 13.250h2.500"
            }
            Self::Bin => {
                "M3 4.500h10M6.500 4.500V3h3v1.500M4.250 4.500l.500 8.500h6.500l.500-8.500M6.750 7v3.500M9.250 7v3.500"
            }
            Self::More => "M3.750 8h.010M8 8h.010M12.250 8h.010",
            Self::Calendar => "M2.500 4h11v9.500h-11zM2.500 7h11M5.500 2.500V5M10.500 2.500V5",
            Self::Check => "m3.5 8.5 3 3 6-7",
            Self::Chevron => "M4.5 6.5 8 10l3.5-3.5",
            Self::Close => "m4 4 8 8M12 4l-8 8",
            Self::Copy => {
                "M5.5 5.5v-2a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2M3.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1Z"
            }
            Self::Down => "M8 3.5v9M4.5 9 8 12.5 11.5 9",
            Self::Film => "M2.5 3.5h11v9h-11zM5.5 3.5v9M10.5 3.5v9M2.5 8h3M10.5 8h3",
            Self::Folder => "M2 12.5v-9h4l1.5 2H14v7z",
            Self::Gear => {
                "M8 10.25a2.25 2.25 0 1 0 0-4.5 2.25 2.25 0 0 0 0 4.5ZM8 1.75v2M8 12.25v2M1.75 8h2M12.25 8h2M3.6 3.6 5 5M11 11l1.4 1.4M12.4 3.6 11 5M5 11l-1.4 1.4"
            }
            Self::Hand => {
                "M8 2v12M2 8h12M6.5 3.5 8 2l1.5 1.5M6.5 12.5 8 14l1.5-1.5M3.5 6.5 2 8l1.5 1.5M12.5 6.5 14 8l-1.5 1.5"
            }
            Self::Keyboard => "M1.5 4h13v8h-13zM4 6.5h.01M6.7 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6",
            Self::Link => {
                "M6.8 9.2a2.5 2.5 0 0 0 3.5 0l2.2-2.2A2.5 2.5 0 0 0 9 3.500l-.7.7M9.200 6.800a2.500 2.500 0 0 0-3.500 0L3.500 9A2.500 2.500 0 0 0 7 12.500l.7-.7"
            }
            Self::Lock => "M3.5 7h9v6.500h-9zM5.500 7V5a2.500 2.500 0 0 1 5 0v2",
            Self::Jobs => "M2.500 4h11M2.500 8h7M2.500 12h4M13.500 9.500v4l-3-2z",
            Self::Pause => "M5.500 3.500v9M10.500 3.500v9",
            Self::People => {
                "M6 7.500a2.250 2.250 0 1 0 0-4.500 2.250 2.250 0 0 0 0 4.500ZM1.750 13.250c0-2.400 1.900-3.750 4.250-3.750s4.250 1.350 4.250 3.750M10.750 3.200a2.250 2.250 0 0 1 0 4.100M12 9.800c1.400.5 2.250 1.700 2.250 3.450"
            }
            Self::Play => "M4.500 3v10l8-5z",
            Self::Redo => "M10 3.500 13 6.500l-3 3M13 6.500H6.500a3.500 3.500 0 0 0 0 7H9",
            Self::Search => "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9ZM10.500 10.500l3 3",
            Self::Sequence => "M2.500 3.500h11v6h-11zM4 12.500h8",
            Self::SignOut => "M6.500 2.500h-4v11h4M6.500 8h7M10.500 5l3 3-3 3",
            Self::Undo => "M6 3.500 3 6.500l3 3M3 6.500h6.500a3.500 3.500 0 0 1 0 7H7",
            Self::Up => "M8 12.500v-9M4.500 7 8 3.500 11.500 7",
            Self::Upload => "M8 10.500v-8M4.500 6 8 2.500 11.500 6M2.500 10.500v3h11v-3",
            Self::Warning => "M8 2.500 14.250 13.500H1.750zM8 6.500v3.500M8 11.900v.01",
        }
    }
}

/// Decoration: the control around it carries the name.
#[component]
pub fn Icon(glyph: Glyph) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=glyph.path()></path>
        </svg>
    }
}
