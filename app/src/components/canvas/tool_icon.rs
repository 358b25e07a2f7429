//! Line icons of the workspace, on a grid of 16. Drawn for this product.

use leptos::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Hand,
    Point,
    Box,
    Brush,
    Erase,
    Cells,
    Path,
    Undo,
    Redo,
    Lock,
    Overlay,
    Outline,
    First,
    Back,
    Play,
    Pause,
    Next,
    Last,
    Loop,
    Wipe,
    Delete,
    Sound,
    Muted,
}

impl Mark {
    fn path(self) -> &'static str {
        match self {
            Self::Hand => {
                "M8 1.8v12.4M1.8 8h12.4M6.3 3.500 8 1.800l1.700 1.700M6.300 12.500 8 14.200l1.700-1.700M3.500 6.300 1.800 8l1.700 1.700M12.500 6.300 14.200 8l-1.700 1.700"
            }
            Self::Point => "M8 2v3.500M8 10.500V14M2 8h3.500M10.500 8H14M8 8h.01",
            Self::Box => "M2.500 3.500h11v9h-11z",
            Self::Brush => {
                "m13.500 2.500-6 6M6 8.500c-1.700 0-2.300 1.200-2.300 2.500 0 1-.6 1.900-1.700 2.200 2.800.8 6-.2 6-2.900 0-1.100-.8-1.800-2-1.800Z"
            }
            Self::Erase => "m9 3 4.500 4.500-5.500 5.500H5.500L2.500 10zM5.800 6.200l4.500 4.500M6 13h7.500",
            Self::Cells => {
                "M2.500 2.500h11v11h-11zM2.500 6.200h11M2.500 9.800h11M6.200 2.500v11M9.800 2.500v11"
            }
            Self::Path => "M3 13c0-4 3.500-2.500 5-5s1-5 5-5M3 13h.01M8 8h.01M13 3h.01",
            Self::Undo => "M6 3.500 3 6.500l3 3M3 6.500h6.500a3.500 3.500 0 0 1 0 7H7",
            Self::Redo => "M10 3.500 13 6.500l-3 3M13 6.500H6.500a3.500 3.500 0 0 0 0 7H9",
            Self::Lock => "M3.500 7h9v6.500h-9zM5.500 7V5a2.500 2.500 0 0 1 5 0v2",
            Self::Overlay => {
                "M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11M8 5h4.500M8 8h5.500M8 11h4.500"
            }
            Self::Outline => "M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11Z",
            Self::First => "M4 3.500v9M12.500 3.500 6.500 8l6 4.500z",
            Self::Back => "M10.500 3.500 5 8l5.500 4.500z",
            Self::Play => "M4.500 3v10l8.500-5z",
            Self::Pause => "M5.500 3.500v9M10.500 3.500v9",
            Self::Next => "M5.500 3.500 11 8l-5.500 4.500z",
            Self::Last => "M12 3.500v9M3.500 3.500l6 4.500-6 4.500z",
            Self::Loop => {
                "M11 2.500 13.500 5 11 7.500M13.500 5H5a2.500 2.500 0 0 0-2.500 2.500M5 13.500 2.500 11 5 8.500M2.500 11H11a2.500 2.500 0 0 0 2.500-2.500"
            }
            Self::Wipe => "M6.500 5 3.500 8l3 3M9.500 5l3 3-3 3",
            Self::Sound => {
                "M2.500 6h2.500L8.500 3v10L5 10H2.500zM11 5.800a3 3 0 0 1 0 4.400M12.800 4a5.600 5.600 0 0 1 0 8"
            }
            Self::Muted => "M2.500 6h2.500L8.500 3v10L5 10H2.500zM11 6.200l3.600 3.600M14.600 6.200 11 9.800",
            Self::Delete => "M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.5 9h6l.5-9",
        }
    }
}

#[component]
pub fn ToolIcon(mark: Mark) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=mark.path()></path>
        </svg>
    }
    .into_any()
}
