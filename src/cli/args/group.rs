//! Groups of flags that some strategies have no use for.

use clap::Arg;

/// A flag with its hyphens, and whether it was given.
pub type Listed<A> = (&'static str, fn(&A) -> bool);

/// A group of flags that means nothing to some strategies: hidden in their help, named where it is given all the same.
pub trait Group: Sized + 'static {
    /// Its flags, with their hyphens.
    const FLAGS: &'static [Listed<Self>];

    /// The flags that were given.
    fn given(&self) -> Vec<&'static str> {
        Self::FLAGS.iter().filter(|(_, given)| given(self)).map(|(flag, _)| *flag).collect()
    }

    /// Whether a flag, with its hyphens, is one of the group.
    fn has(flag: &str) -> bool {
        Self::FLAGS.iter().any(|(own, _)| *own == flag)
    }
}

/// Keeps flags without effect out of a command's help; `idle` is asked for each, with its hyphens.
pub fn hide(arg: Arg, idle: impl Fn(&str) -> bool) -> Arg {
    match arg.get_long() {
        Some(long) if idle(&format!("--{long}")) => arg.hide(true),
        _ => arg,
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command};

    use super::super::{DrawArgs, EngineArgs, SearchArgs, StopArgs, TerminalArgs};
    use super::*;

    /// The flags that clap knows of a group.
    fn known<A: Args>() -> Vec<String> {
        let command = A::augment_args(Command::new("group"));
        command.get_arguments().filter_map(Arg::get_long).map(|long| format!("--{long}")).collect()
    }

    fn listed<G: Group>() -> Vec<String> {
        G::FLAGS.iter().map(|(flag, _)| flag.to_string()).collect()
    }

    #[test]
    fn every_flag_of_a_group_is_listed() {
        assert_eq!(listed::<SearchArgs>(), known::<SearchArgs>());
        assert_eq!(listed::<StopArgs>(), known::<StopArgs>());
        assert_eq!(listed::<EngineArgs>(), known::<EngineArgs>());
        assert_eq!(listed::<TerminalArgs>(), known::<TerminalArgs>());
        let mut drawing: Vec<String> =
            [listed::<DrawArgs>(), listed::<EngineArgs>(), listed::<TerminalArgs>()].concat();
        // these two matter where nothing is drawn, too: processors have coins, and rows are decoded in parallel
        drawing.extend(["--seed".to_string(), "--threads".to_string()]);
        let mut all = known::<DrawArgs>();
        drawing.sort();
        all.sort();
        assert_eq!(drawing, all);
    }
}
