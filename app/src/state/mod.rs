//! What lives longer than one view: the live feed, uploads, the playhead.
