//! Our own `ip` and `bridge` as programs that another command starts: `ip netns exec NAME ip …`.
//!
//! A program that is run in a named namespace has mounts of its own, and that costs more than most commands do. What
//! `ip` and `bridge` do needs the network namespace only, so they run in this process, which has entered it. Only what
//! touches files or names of namespaces runs as a program: its mounts decide what comes of that.

use crate::programs::{Tool, tool};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The options that take no value and open no file. Any beginning of one will do.
const OPTIONS: &[&str] =
    &["details", "statistics", "json", "pretty", "oneline", "brief", "human", "Numeric", "iec"];
/// The objects that only speak with the kernel. Any beginning of one will do.
const OBJECTS: &[&str] = &["link", "address", "route", "rule", "neighbour", "fdb", "vlan", "mdb"];

/// Which programs are our own.
#[derive(Debug, Default)]
pub(crate) struct OwnTools {
    /// Whether `ip` and `bridge` are ours whatever lies in `PATH`.
    always: bool,
    /// What was found in `PATH`.
    found: BTreeMap<String, bool>,
}

impl OwnTools {
    /// Ours are `ip` and `bridge` always, or where `PATH` leads to this program.
    pub(crate) fn new(always: bool) -> Self {
        OwnTools { always, found: BTreeMap::new() }
    }

    /// Whether this program stands in for another `ip`, and says no more than that.
    pub(crate) fn stand_in(&self) -> bool {
        !self.always
    }

    /// Whether the program that has this name is this one.
    pub(crate) fn has(&mut self, name: &str) -> bool {
        if tool(name).is_none() {
            return false;
        }
        self.always || *self.found.entry(name.into()).or_insert_with(|| is_this_program(name))
    }
}

/// The tool that can run these words in this process; none if they must run as a program.
pub(crate) fn runs_here(words: &[String]) -> Option<Tool> {
    let (name, rest) = words.split_first()?;
    let begins = |word: &str, of: &[&str]| !word.is_empty() && of.iter().any(|whole| whole.starts_with(word));
    let is_option = |word: &&String| {
        let option = word.strip_prefix("--").or(word.strip_prefix('-')).unwrap_or("");
        matches!(option, "4" | "6" | "0" | "B") || begins(option, OPTIONS) && !"batch".starts_with(option)
    };
    let object = rest.get(rest.iter().take_while(is_option).count())?;
    tool(name).filter(|_| begins(object, OBJECTS))
}

/// Whether the first program of this name in `PATH` is this very program, under whatever name.
fn is_this_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    let whole = |file: PathBuf| Path::canonicalize(&file).ok();
    match (found.and_then(whole), std::env::current_exe().ok().and_then(whole)) {
        (Some(found), Some(this)) => found == this,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_with_the_kernel_alone_runs_here() {
        let here =
            |line: &str| runs_here(&line.split(' ').map(str::to_string).collect::<Vec<String>>()).is_some();
        for line in [
            "ip link",
            "ip -d -j link show",
            "ip a",
            "bridge -s fdb show",
            "ip -br -4 addr",
            "ip --json rule",
        ] {
            assert!(here(line), "{line}");
        }
        for line in [
            "ip netns add x",
            "ip net",
            "ip -n a link",
            "ip -b file",
            "ip -ba file",
            "ip -all link",
            "ip",
            "ip -d",
            "ip monitor",
            "bridge monitor",
            "bash",
            "ip '' x",
            "ip -- link",
        ] {
            assert!(!here(line), "{line}");
        }
    }

    #[test]
    fn other_programs_are_not_ours() {
        let mut own = OwnTools::new(true);
        assert!(own.has("ip") && own.has("bridge") && !own.has("ping") && !own.has("/sbin/ip"));
        // The program that runs the tests is none of them.
        assert!(!OwnTools::default().has("ip"));
    }
}
