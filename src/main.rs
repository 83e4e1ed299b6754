//! The command line of tokpick.

fn main() {}
