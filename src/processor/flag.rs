//! The flags of parameters, free of any command line.

/// One flag of one parameter.
#[derive(Debug)]
pub struct Flag {
    /// The flag, without its hyphens.
    pub long: &'static str,
    /// Its letter.
    pub short: Option<char>,
    /// Further names.
    pub aliases: &'static [&'static str],
    /// Spellings of other engines, which are understood and not shown.
    pub hidden: &'static [&'static str],
    /// The parameter that it sets.
    pub parameter: &'static str,
    /// How its value is written.
    pub written: Written,
    /// What it does; empty for the flag that stands for a processor.
    pub help: &'static str,
}

impl Flag {
    /// The flag of a processor, which sets its parameter `value`.
    pub(super) const fn value(long: &'static str, written: Written) -> Flag {
        Flag::of(long, "value", written, "")
    }

    /// The flag of a parameter.
    pub(super) const fn of(
        long: &'static str,
        parameter: &'static str,
        written: Written,
        help: &'static str,
    ) -> Flag {
        Flag { long, short: None, aliases: &[], hidden: &[], parameter, written, help }
    }

    /// The flag, also understood in these spellings of other engines.
    pub(super) const fn also(self, hidden: &'static [&'static str]) -> Flag {
        Flag { hidden, ..self }
    }
}

/// The parameter of every truncation.
pub(super) static MIN_TOKENS_TO_KEEP: Flag = Flag::of(
    "min-tokens-to-keep",
    "min_tokens_to_keep",
    Written::Count,
    "Every truncation keeps at least so many tokens (default 1)",
);

/// The ways in which values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A number.
    Number,
    /// A whole number, 0 or more.
    Count,
    /// A whole number.
    Integer,
    /// A bare word.
    Word,
    /// A path.
    File,
    /// Nothing: the flag alone.
    Switch,
    /// A list of ids.
    Ids,
    /// Lists of ids: JSON, or separated by `;`.
    IdLists,
    /// `id=bias` pairs, or JSON.
    Bias,
    /// Two parameters by name, a count and a number: `5,1.5`.
    Pair(&'static str, &'static str),
    /// JSON.
    Json,
}

impl Written {
    /// What help shows in place of the value.
    pub fn metavariable(self) -> String {
        let shown = match self {
            Written::Number => "X",
            Written::Count | Written::Integer => "N",
            Written::Word => "NAME",
            Written::File => "FILE",
            Written::Switch => "",
            Written::Ids => "IDS",
            Written::IdLists => "IDS;IDS",
            Written::Bias => "ID=BIAS,…",
            Written::Pair(first, second) => return format!("{first},{second}").to_uppercase(),
            Written::Json => "JSON",
        };
        shown.to_string()
    }
}
