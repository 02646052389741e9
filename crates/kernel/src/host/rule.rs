//! Rules of policy routing: which table is asked for which packet (`net/core/fib_rules.c`).
//!
//! Both families share this file: addresses are 128 bits wide here, those of IPv4 stand in the upper 32. The rules of
//! a namespace are walked in the order of their priority; among equals the older comes first.

use crate::device::Name;
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::errno::Errno;
use rtnl::object::route::{RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RTPROT_KERNEL};
use rtnl::object::rule::*;

/// Rules of one family in one namespace at most.
pub(crate) const RULES: usize = 1 << 16;

/// The bits that a prefix of that length fixes.
pub(crate) fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        1..=127 => u128::MAX << (128 - u32::from(length)),
        _ => u128::MAX,
    }
}

/// What a rule looks at in a packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Key {
    pub source: u128,
    pub destination: u128,
    /// The link it came on; 1 for a packet of the host's own.
    pub iif: u32,
    /// The link to which its socket is bound; 0: none.
    pub oif: u32,
    pub mark: u32,
    pub tos: u8,
    /// Whose it is: the number of a user.
    pub uid: u32,
    pub protocol: u8,
    pub source_port: u16,
    pub destination_port: u16,
    /// The table of the routing domain that it is in; 0: none.
    pub domain: u32,
    /// The network of a tunnel that it came through; 0: none.
    pub tunnel: u64,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub priority: u32,
    pub action: u8,
    pub table: u32,
    pub source: (u128, u8),
    pub destination: (u128, u8),
    pub iif: Option<Name>,
    pub oif: Option<Name>,
    pub mark: u32,
    pub mask: u32,
    pub tos: u8,
    pub invert: bool,
    pub goto: u32,
    pub flow: u32,
    /// A route of a prefix no longer than this does not count; -1: every route counts.
    pub suppress_length: i32,
    /// A route through a link of this group does not count; -1: every route counts.
    pub suppress_group: i32,
    pub protocol: u8,
    pub ip_protocol: u8,
    pub source_ports: (u16, u16),
    pub destination_ports: (u16, u16),
    pub users: Option<(u32, u32)>,
    pub tunnel: u64,
    pub l3mdev: bool,
}

impl Rule {
    /// A rule that looks into a table for every packet.
    pub(crate) fn lookup(priority: u32, table: u32) -> Rule {
        Rule {
            priority,
            action: FR_ACT_TO_TBL,
            table,
            source: (0, 0),
            destination: (0, 0),
            iif: None,
            oif: None,
            mark: 0,
            mask: 0,
            tos: 0,
            invert: false,
            goto: 0,
            flow: 0,
            suppress_length: -1,
            suppress_group: -1,
            protocol: RTPROT_KERNEL,
            ip_protocol: 0,
            source_ports: (0, 0),
            destination_ports: (0, 0),
            users: None,
            tunnel: 0,
            l3mdev: false,
        }
    }

    /// Whether a packet is one of its own (`fib_rule_match`, `fib4_rule_match`, `fib6_rule_match`).
    fn matches(&self, world: &World, netns: NetnsId, key: &Key) -> bool {
        let is_link = |name: &Option<Name>, ifindex: u32| match name {
            None => true,
            Some(name) => {
                let found = world.by_name(netns, name.bytes()).and_then(|id| world.get(id));
                found.is_some_and(|device| device.ifindex == ifindex)
            }
        };
        let within = |(first, last): (u16, u16), port: u16| first == 0 || (first..=last).contains(&port);
        let fits = is_link(&self.iif, key.iif)
            && is_link(&self.oif, key.oif)
            && (key.mark ^ self.mark) & self.mask == 0
            && (self.tunnel == 0 || self.tunnel == key.tunnel)
            && self.users.is_none_or(|(first, last)| (first..=last).contains(&key.uid))
            && (key.source ^ self.source.0) & mask(self.source.1) == 0
            && (key.destination ^ self.destination.0) & mask(self.destination.1) == 0
            && (self.tos == 0 || self.tos == key.tos)
            && (self.ip_protocol == 0 || self.ip_protocol == key.protocol)
            && within(self.source_ports, key.source_port)
            && within(self.destination_ports, key.destination_port)
            && (!self.l3mdev || key.domain != 0);
        fits != self.invert
    }
}

/// The rules of one family.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub list: Vec<Rule>,
    /// Whether somebody has changed them: before, IPv4 asks the tables of the host and of people as one.
    pub custom: bool,
}

impl Rules {
    /// The three rules of IPv4.
    pub(crate) fn inet() -> Rules {
        let local = Rule::lookup(0, RT_TABLE_LOCAL);
        let list = vec![local, Rule::lookup(32766, RT_TABLE_MAIN), Rule::lookup(32767, RT_TABLE_DEFAULT)];
        Rules { list, custom: false }
    }

    /// The two rules of IPv6.
    pub(crate) fn inet6() -> Rules {
        let local = Rule::lookup(0, RT_TABLE_LOCAL);
        Rules { list: vec![local, Rule::lookup(32766, RT_TABLE_MAIN)], custom: false }
    }

    /// The priority of a rule for which none is given: one before the second (`fib_default_rule_pref`).
    pub(crate) fn default_priority(&self) -> u32 {
        self.list.get(1).map_or(0, |second| second.priority.saturating_sub(1))
    }

    /// Adds a rule behind those of its priority.
    pub(crate) fn add(&mut self, rule: Rule) {
        let at = self.list.iter().position(|other| other.priority > rule.priority).unwrap_or(self.list.len());
        self.list.insert(at, rule);
    }
}

/// Walks the rules of a packet and asks `look` for every table that they name, until one answers with something else
/// than EAGAIN. `look` is given the rule and the table and says what it found, or EAGAIN.
///
/// # Errors
/// What a rule or a table refuses with; ENETUNREACH if none answers.
pub(crate) fn walk<T>(
    world: &World,
    netns: NetnsId,
    rules: &Rules,
    key: &Key,
    mut look: impl FnMut(&Rule, u32) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let mut at = 0;
    while let Some(rule) = rules.list.get(at) {
        at += 1;
        if !rule.matches(world, netns, key) {
            continue;
        }
        let answer = match rule.action {
            FR_ACT_GOTO => {
                // Only forwards, so the walk ends.
                let ahead = rules.list[at..].iter().position(|other| other.priority >= rule.goto);
                let target = ahead.map(|ahead| at + ahead);
                match target.filter(|target| rules.list[*target].priority == rule.goto) {
                    Some(target) => at = target,
                    None => continue,
                }
                continue;
            }
            FR_ACT_NOP => continue,
            FR_ACT_UNREACHABLE => Err(Errno::ENETUNREACH),
            FR_ACT_PROHIBIT => Err(Errno::EACCES),
            FR_ACT_TO_TBL => look(rule, if rule.l3mdev { key.domain } else { rule.table }),
            _ => Err(Errno::EINVAL),
        };
        match answer {
            Err(Errno::EAGAIN) => continue,
            answer => return answer,
        }
    }
    Err(Errno::ENETUNREACH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_count_down() {
        let mut rules = Rules::inet();
        assert_eq!(rules.default_priority(), 32765);
        rules.add(Rule::lookup(32765, 100));
        assert_eq!(rules.default_priority(), 32764);
        rules.add(Rule::lookup(32765, 101));
        let tables: Vec<u32> = rules.list.iter().map(|rule| rule.table).collect();
        assert_eq!(tables, [255, 100, 101, 254, 253]);
    }

    #[test]
    fn masks() {
        assert_eq!(mask(0), 0);
        assert_eq!(mask(8) >> 96, 0xff00_0000);
        assert_eq!(mask(128), u128::MAX);
    }
}
