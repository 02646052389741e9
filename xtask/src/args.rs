//! A small command line parser: flags anywhere, everything else is positional.

use crate::failure::{Failure, Result};
use std::str::FromStr;

/// One flag that a subcommand knows.
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    /// Whether a value follows, as `--name VALUE` or `--name=VALUE`.
    pub(crate) takes_value: bool,
}

/// The words of a command line, sorted out.
pub(crate) struct Args {
    flags: Vec<(&'static str, String)>,
    pub(crate) positional: Vec<String>,
}

impl Args {
    /// Sorts `words` by the flags that `known` lists; a word after `--` is always positional.
    pub(crate) fn parse(words: &[String], known: &[Flag]) -> Result<Args> {
        let mut args = Args { flags: Vec::new(), positional: Vec::new() };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                args.positional.extend(rest.by_ref().cloned());
            } else if let Some(body) = word.strip_prefix("--") {
                let (name, inline) = match body.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_string())),
                    None => (body, None),
                };
                let Some(flag) = known.iter().find(|f| f.name == name) else {
                    return Err(Failure::usage(format!("no such flag: --{name}")));
                };
                let value = match (flag.takes_value, inline) {
                    (true, Some(value)) => value,
                    (true, None) => rest.next().cloned().ok_or_else(|| missing_value(name))?,
                    (false, None) => String::new(),
                    (false, Some(_)) => return Err(Failure::usage(format!("--{name} takes no value"))),
                };
                args.flags.push((flag.name, value));
            } else {
                args.positional.push(word.clone());
            }
        }
        Ok(args)
    }

    /// Whether the flag was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(n, _)| *n == name)
    }

    /// The value of a flag, the last one if it was given more than once.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// The value of a flag as a number, or a default.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        self.value(name).map_or(Ok(default), |v| number(v, &format!("--{name}")))
    }

    /// Refuses positional words where a subcommand has no use for them.
    pub(crate) fn no_positional(&self) -> Result<()> {
        match self.positional.first() {
            Some(word) => Err(Failure::usage(format!("unexpected word: {word}"))),
            None => Ok(()),
        }
    }
}

/// Reads a number and names what it was for if it is none.
pub(crate) fn number<T: FromStr>(word: &str, what: &str) -> Result<T> {
    word.parse().map_err(|_| Failure::usage(format!("{what}: not a suitable number: {word}")))
}

fn missing_value(name: &str) -> Failure {
    Failure::usage(format!("--{name} needs a value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Flag] =
        &[Flag { name: "seed", takes_value: true }, Flag { name: "plain", takes_value: false }];

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_string).collect()
    }

    #[test]
    fn flags_and_words_in_any_order() {
        let args = Args::parse(&words("out --seed 7 --plain 1 --seed=9 -- --x"), KNOWN).unwrap();
        assert_eq!(args.positional, ["out", "1", "--x"]);
        assert!(args.has("plain"));
        assert_eq!(args.number("seed", 0u64).unwrap(), 9);
    }

    #[test]
    fn bad_flags_are_named() {
        for bad in ["--nope", "--seed", "--plain=1"] {
            assert_eq!(Args::parse(&words(bad), KNOWN).err().map(|f| f.status), Some(2), "{bad}");
        }
        let args = Args::parse(&words("--seed x"), KNOWN).unwrap();
        assert_eq!(args.number("seed", 0u64).unwrap_err().status, 2);
    }
}
