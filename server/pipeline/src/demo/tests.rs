//! Rules of the demo scenes, on small pictures.
