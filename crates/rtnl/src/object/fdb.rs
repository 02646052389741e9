//! The learning table of a bridge or a VXLAN link: the messages of neighbours (see `neigh`) with the family
//! `AF_BRIDGE` (`net/core/rtnetlink.c`, `net/bridge/br_fdb.c`).
//!
//! The flags say whose table is meant, the link's own (`self`) or its master's, and how the entry came about; the
//! state says how long it stays: `permanent` is a local address, `NOARP` one that neither moves nor ages, and
//! `REACHABLE` alone one that was learned.

use super::neigh::{
    NTF_EXT_LEARNED, NTF_MASTER, NTF_OFFLOADED, NTF_ROUTER, NTF_SELF, NTF_STICKY, NUD_NOARP, NUD_PERMANENT,
    NUD_REACHABLE, NUD_STALE,
};
use crate::words::{matches, number};
use std::borrow::Cow;

/// Flag of a delete: everything that the attributes describe, instead of one entry.
pub const NLM_F_BULK: u16 = 0x200;

/// The flags by the names that are shown, in the order in which they are.
pub const FLAGS: &[(u8, &str)] = &[
    (NTF_SELF, "self"),
    (NTF_ROUTER, "router"),
    (NTF_EXT_LEARNED, "extern_learn"),
    (NTF_OFFLOADED, "offload"),
    (NTF_MASTER, "master"),
    (NTF_STICKY, "sticky"),
];

/// The states that are shown, in the order in which they are looked for. One that was learned has no name.
const STATES: &[(u16, &str)] =
    &[(NUD_PERMANENT, "permanent"), (NUD_NOARP, "static"), (NUD_STALE, "stale"), (NUD_REACHABLE, "")];

/// The words for states, any prefix of which will do, in the order in which they are tried.
const STATE_WORDS: &[(&str, u16)] = &[
    ("permanent", NUD_PERMANENT),
    ("static", NUD_NOARP),
    ("temp", NUD_NOARP),
    ("stale", NUD_STALE),
    ("reachable", NUD_REACHABLE),
    ("dynamic", NUD_REACHABLE),
];

/// A state as it is shown.
pub fn state_text(state: u16) -> Cow<'static, str> {
    match STATES.iter().find(|(bit, _)| state & bit != 0) {
        Some((_, name)) => (*name).into(),
        None if state == 0 => "state=0".into(),
        None => format!("state={state:#x}").into(),
    }
}

/// The states that a word or a number stands for.
pub fn state_number(text: &str) -> Option<u32> {
    if let Some((_, state)) = STATE_WORDS.iter().find(|(word, _)| matches(text, word)) {
        return Some(u32::from(*state));
    }
    if text == "all" { Some(u32::MAX) } else { Some(number(text, 0, u64::from(u32::MAX))? as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_by_word_and_number() {
        assert_eq!(state_number("p"), Some(0x80));
        assert_eq!(state_number("s"), Some(0x40));
        assert_eq!(state_number("sta"), Some(0x40));
        assert_eq!(state_number("stal"), Some(4));
        assert_eq!(state_number("0x10"), Some(16));
        assert_eq!(state_number("all"), Some(u32::MAX));
        assert_eq!(state_number("al"), None);
        assert_eq!(state_text(NUD_PERMANENT | NUD_NOARP), "permanent");
        assert_eq!(state_text(NUD_REACHABLE), "");
        assert_eq!(state_text(0x10), "state=0x10");
    }
}
