//! The flags of addresses by their words.

use rtnl::object::addr::*;

/// A flag.
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) bit: u32,
    /// Only the kernel sets it.
    pub(super) readonly: bool,
    /// Only addresses of IPv6 can have it.
    pub(super) inet6_only: bool,
}

const fn flag(name: &'static str, bit: u32, readonly: bool, inet6_only: bool) -> Flag {
    Flag { name, bit, readonly, inet6_only }
}

/// The flags in the order in which they are shown. Two words mean the same bit: the first is IPv4's, the second
/// IPv6's.
pub(super) static FLAGS: &[Flag] = &[
    flag("secondary", IFA_F_SECONDARY, true, false),
    flag("temporary", IFA_F_SECONDARY, true, false),
    flag("nodad", IFA_F_NODAD, false, true),
    flag("optimistic", IFA_F_OPTIMISTIC, false, true),
    flag("dadfailed", IFA_F_DADFAILED, true, true),
    flag("home", IFA_F_HOMEADDRESS, false, true),
    flag("deprecated", IFA_F_DEPRECATED, true, true),
    flag("tentative", IFA_F_TENTATIVE, true, true),
    flag("permanent", IFA_F_PERMANENT, true, true),
    flag("mngtmpaddr", IFA_F_MANAGETEMPADDR, false, true),
    flag("noprefixroute", IFA_F_NOPREFIXROUTE, false, false),
    flag("autojoin", IFA_F_MCAUTOJOIN, false, false),
    flag("stable-privacy", IFA_F_STABLE_PRIVACY, true, true),
];

/// The flag of that name.
pub(super) fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

/// The bit and the value that a word asks for in a filter; a minus in front turns it round.
pub(super) fn wanted(word: &str) -> Option<(u32, bool)> {
    let (mut value, mut name) = match word.strip_prefix('-') {
        Some(name) => (false, name),
        None => (true, word),
    };
    if name == "dynamic" || name == "primary" {
        value = !value;
        name = if name == "dynamic" { "permanent" } else { "secondary" };
    }
    find(name).map(|flag| (flag.bit, value))
}
