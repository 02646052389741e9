//! RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE of both families (`net/core/fib_rules.c`).

use super::Asker;
use super::pieces::Pieces;
use crate::device::Name;
use crate::host::rule::{RULES, Rule, Rules};
use crate::host::{AF_INET, AF_INET6, fib4};
use crate::netns::NetnsId;
use crate::world::World;
use rtnl::attr::{Attr, Builder};
use rtnl::errno::Errno;
use rtnl::message::{Header, Message, NLM_F_EXCL, Refusal};
use rtnl::object::route::RT_TABLE_MAIN;
use rtnl::object::rule::*;
use rtnl::table::Tb;

const fn said(sentence: &'static str) -> Refusal {
    Refusal::said(Errno::EINVAL, sentence)
}

fn rules(world: &World, netns: NetnsId, family: u8) -> Result<&Rules, Errno> {
    let stack = &world.space(netns)?.stack;
    Ok(if family == AF_INET { &stack.rules4 } else { &stack.rules6 })
}

/// The rules, which from now on are not those that were there at first.
fn change_rules(world: &mut World, netns: NetnsId, family: u8) -> Result<&mut Rules, Errno> {
    let stack = &mut world.space_mut(netns)?.stack;
    if family == AF_INET && fib4::has_table(stack, RT_TABLE_MAIN) {
        // It was the host's own table under another name until now (`fib_unmerge`).
        stack.fib4.make_table(RT_TABLE_MAIN);
    }
    let rules = if family == AF_INET { &mut stack.rules4 } else { &mut stack.rules6 };
    rules.custom = true;
    Ok(rules)
}

/// An address of a prefix as 128 bits, IPv4 on top.
fn bits(attr: &Attr<'_>, family: u8) -> u128 {
    match family {
        AF_INET => u128::from(u32::from_be_bytes(attr.first())) << 96,
        _ => u128::from_be_bytes(attr.first()),
    }
}

fn prefix(
    tb: &Tb<'_>,
    number: u16,
    length: u8,
    family: u8,
    sentence: &'static str,
) -> Result<(u128, u8), Refusal> {
    if length == 0 {
        return Ok((0, 0));
    }
    let most = if family == AF_INET { 32 } else { 128 };
    let attr = tb.get(number).filter(|attr| length <= most && attr.payload.len() == usize::from(most) / 8);
    let attr = attr.ok_or(said(sentence))?;
    Ok((bits(&attr, family), length))
}

fn ports(tb: &Tb<'_>, number: u16, sentence: &'static str) -> Result<(u16, u16), Refusal> {
    let Some(attr) = tb.get(number) else { return Ok((0, 0)) };
    let [a, b, c, d] = attr.first();
    let range = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
    if range.0 == 0 || range.1 < range.0 || range.1 == u16::MAX { Err(said(sentence)) } else { Ok(range) }
}

/// Reads a rule from a request (`fib_nl2rule`); its priority, if none is given, is the one in front of those present.
fn read(info: &FibRule, tb: &Tb<'_>, present: &Rules) -> Result<Rule, Refusal> {
    let family = info.family;
    let source = prefix(tb, FRA_SRC, info.src_len, family, "Invalid source address")?;
    let destination = prefix(tb, FRA_DST, info.dst_len, family, "Invalid destination address")?;
    let name = |number| tb.string(number).filter(|name| !name.is_empty()).map(Name::new);
    let mark = tb.u32(FRA_FWMARK).unwrap_or(0);
    let all = if mark != 0 { u32::MAX } else { 0 };
    let users = tb.get(FRA_UID_RANGE).map(|attr| attr.u32_pair());
    let priority = tb.u32(FRA_PRIORITY).unwrap_or_else(|| present.default_priority());
    check_goto(info, tb, priority)?;
    if users.is_some_and(|(first, last)| first > last) {
        return Err(said("Invalid uid range"));
    }
    // Only IPv4 has realms of rules.
    let flow = tb.u32(FRA_FLOW).filter(|_| family == AF_INET).unwrap_or(0);
    Ok(Rule {
        priority,
        action: info.action,
        table: info.table(tb.u32(FRA_TABLE)),
        source,
        destination,
        iif: name(FRA_IIFNAME),
        oif: name(FRA_OIFNAME),
        mark,
        mask: tb.u32(FRA_FWMASK).unwrap_or(all),
        tos: info.tos,
        invert: info.flags & FIB_RULE_INVERT != 0,
        goto: tb.u32(FRA_GOTO).unwrap_or(0),
        flow,
        suppress_length: tb.i32(FRA_SUPPRESS_PREFIXLEN).unwrap_or(-1),
        suppress_group: tb.i32(FRA_SUPPRESS_IFGROUP).unwrap_or(-1),
        protocol: tb.u8(FRA_PROTOCOL).unwrap_or(0),
        ip_protocol: tb.u8(FRA_IP_PROTO).unwrap_or(0),
        source_ports: ports(tb, FRA_SPORT_RANGE, "Invalid sport range")?,
        destination_ports: ports(tb, FRA_DPORT_RANGE, "Invalid dport range")?,
        users,
        tunnel: tb.get(FRA_TUN_ID).map_or(0, |attr| u64::from_be_bytes(attr.first())),
        l3mdev: tb.u8(FRA_L3MDEV) == Some(1),
    })
}

/// A rule goes on at a later one only.
fn check_goto(info: &FibRule, tb: &Tb<'_>, priority: u32) -> Result<(), Refusal> {
    match (info.action == FR_ACT_GOTO, tb.u32(FRA_GOTO)) {
        (true, None | Some(0)) | (false, Some(_)) => Err(said("Invalid goto action")),
        (true, Some(goto)) if goto <= priority => Err(said("Backward goto not supported")),
        _ => Ok(()),
    }
}

fn parse<'a>(message: &Message<'a>) -> Result<(FibRule, Tb<'a>), Refusal> {
    let info = FibRule::decode(message).ok_or(said("Invalid msg length"))?;
    if info.family != AF_INET && info.family != AF_INET6 {
        return Err(Refusal::said(Errno::EAFNOSUPPORT, "Rule family not supported"));
    }
    Ok((info, FRA.parse(message.attrs(FibRule::SIZE))?))
}

/// Adds a rule.
pub(crate) fn new(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let (info, tb) = parse(message)?;
    let present = rules(world, asker.netns, info.family)?;
    let mut rule = read(&info, &tb, present)?;
    if rule.l3mdev && rule.table != 0 {
        return Err(said("l3mdev and table are mutually exclusive"));
    }
    if message.has(NLM_F_EXCL) && present.list.contains(&rule) {
        return Err(Errno::EEXIST.into());
    }
    if rule.action == FR_ACT_TO_TBL && rule.table == 0 && !rule.l3mdev {
        if info.family == AF_INET6 {
            return Err(said("Invalid table"));
        }
        let fib = &mut world.space_mut(asker.netns)?.stack.fib4;
        rule.table = (1..255).find(|id| fib.table(*id).is_none()).ok_or(Errno::ENOBUFS)?;
        fib.make_table(rule.table);
    }
    if info.family == AF_INET && info.tos & !0xfc != 0 {
        return Err(said("Invalid dsfield (tos): ECN bits must be 0"));
    }
    if rules(world, asker.netns, info.family)?.list.len() >= RULES {
        return Err(Errno::ENOBUFS.into());
    }
    // commit
    let told = rule.clone();
    change_rules(world, asker.netns, info.family)?.add(rule);
    announce(world, asker.netns, info.family, &told, RTM_NEWRULE);
    Ok(())
}

/// Deletes the first rule that fits what is given (`rule_find`).
pub(crate) fn delete(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let (info, tb) = parse(message)?;
    let wanted = read(&info, &tb, rules(world, asker.netns, info.family)?)?;
    let fits = |rule: &Rule| {
        let prefix = |own: (u128, u8), asked: (u128, u8)| asked.1 == 0 || own == asked;
        (wanted.action == 0 || rule.action == wanted.action)
            && (wanted.table == 0 || rule.table == wanted.table)
            && (!tb.has(FRA_PRIORITY) || rule.priority == wanted.priority)
            && (wanted.iif.is_none() || rule.iif == wanted.iif)
            && (wanted.oif.is_none() || rule.oif == wanted.oif)
            && (wanted.mark == 0 || rule.mark == wanted.mark)
            && (wanted.mask == 0 || rule.mask == wanted.mask)
            && (wanted.suppress_length == -1 || rule.suppress_length == wanted.suppress_length)
            && (wanted.suppress_group == -1 || rule.suppress_group == wanted.suppress_group)
            && (wanted.tunnel == 0 || rule.tunnel == wanted.tunnel)
            && (!wanted.l3mdev || rule.l3mdev)
            && (wanted.users.is_none() || rule.users == wanted.users)
            && (wanted.ip_protocol == 0 || rule.ip_protocol == wanted.ip_protocol)
            && (wanted.protocol == 0 || rule.protocol == wanted.protocol)
            && (wanted.source_ports.0 == 0 || rule.source_ports == wanted.source_ports)
            && (wanted.destination_ports.0 == 0 || rule.destination_ports == wanted.destination_ports)
            && prefix(rule.source, wanted.source)
            && prefix(rule.destination, wanted.destination)
            && (wanted.tos == 0 || rule.tos == wanted.tos)
            && (wanted.flow == 0 || rule.flow == wanted.flow)
    };
    let at = rules(world, asker.netns, info.family)?.list.iter().position(fits).ok_or(Errno::ENOENT)?;
    // commit
    let gone = change_rules(world, asker.netns, info.family)?.list.remove(at);
    announce(world, asker.netns, info.family, &gone, RTM_DELRULE);
    Ok(())
}

/// Lists the rules.
pub(crate) fn dump(world: &mut World, asker: Asker, message: &Message<'_>) -> Result<(), Refusal> {
    let family = message.payload().first().copied().unwrap_or(0);
    let mut pieces = Pieces::new(world, asker, message, RTM_NEWRULE, false);
    for each in [AF_INET, AF_INET6] {
        if family != 0 && family != each {
            continue;
        }
        pieces.end_piece();
        for rule in &rules(world, asker.netns, each)?.list {
            let header = pieces.header();
            fill(world, asker.netns, each, rule, &mut pieces.out, header);
        }
    }
    pieces.send(world, asker, message, None)
}

fn put_bits(out: &mut Builder, number: u16, family: u8, (bits, length): (u128, u8)) {
    if length == 0 {
        return;
    }
    match family {
        AF_INET => out.put(number, &((bits >> 96) as u32).to_be_bytes()),
        _ => out.put(number, &bits.to_be_bytes()),
    }
}

fn put_ports(out: &mut Builder, number: u16, (first, last): (u16, u16)) {
    if first != 0 {
        out.put(number, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
    }
}

/// Writes a rule as a message (`fib_nl_fill_rule`).
fn fill(world: &World, netns: NetnsId, family: u8, rule: &Rule, out: &mut Builder, header: Header) {
    let start = out.start(header);
    let absent = |name: &Option<Name>| name.is_some_and(|name| world.by_name(netns, name.bytes()).is_none());
    let target = |rule: &Rule| {
        rules(world, netns, family)
            .is_ok_and(|rules| rules.list.iter().any(|other| other.priority == rule.goto))
    };
    let mut flags = if rule.invert { FIB_RULE_INVERT } else { 0 };
    flags |= if rule.action == FR_ACT_GOTO && !target(rule) { FIB_RULE_UNRESOLVED } else { 0 };
    flags |= if absent(&rule.iif) { FIB_RULE_IIF_DETACHED } else { 0 };
    flags |= if absent(&rule.oif) { FIB_RULE_OIF_DETACHED } else { 0 };
    let table = if rule.table < 256 { rule.table as u8 } else { 252 };
    let (dst_len, src_len) = (rule.destination.1, rule.source.1);
    FibRule { family, dst_len, src_len, tos: rule.tos, table, action: rule.action, flags }.encode(out);
    out.u32(FRA_TABLE, rule.table);
    out.u32(FRA_SUPPRESS_PREFIXLEN, rule.suppress_length as u32);
    out.u8(FRA_PROTOCOL, rule.protocol);
    for (number, name) in [(FRA_IIFNAME, rule.iif), (FRA_OIFNAME, rule.oif)] {
        if let Some(name) = name {
            out.string(number, name.bytes());
        }
    }
    let numbers = [(FRA_PRIORITY, rule.priority), (FRA_FWMARK, rule.mark)];
    for (number, value) in numbers.into_iter().filter(|(_, value)| *value != 0) {
        out.u32(number, value);
    }
    if rule.mark != 0 || rule.mask != 0 {
        out.u32(FRA_FWMASK, rule.mask);
    }
    if rule.goto != 0 {
        out.u32(FRA_GOTO, rule.goto);
    }
    if rule.tunnel != 0 {
        out.put(FRA_TUN_ID, &rule.tunnel.to_be_bytes());
    }
    if rule.l3mdev {
        out.u8(FRA_L3MDEV, 1);
    }
    if let Some((first, last)) = rule.users {
        out.u32_pair(FRA_UID_RANGE, first, last);
    }
    put_ports(out, FRA_SPORT_RANGE, rule.source_ports);
    put_ports(out, FRA_DPORT_RANGE, rule.destination_ports);
    if rule.ip_protocol != 0 {
        out.u8(FRA_IP_PROTO, rule.ip_protocol);
    }
    if rule.suppress_group != -1 {
        out.u32(FRA_SUPPRESS_IFGROUP, rule.suppress_group as u32);
    }
    put_bits(out, FRA_DST, family, rule.destination);
    put_bits(out, FRA_SRC, family, rule.source);
    if rule.flow != 0 {
        out.u32(FRA_FLOW, rule.flow);
    }
    out.finish(start);
}

/// The priority of the rule for routing domains.
const DOMAIN_PRIORITY: u32 = 1000;

/// Makes, once for a namespace, the rules of both families that send packets of a routing domain to its table
/// (`vrf_add_fib_rules`).
pub(crate) fn add_domain_rule(world: &mut World, netns: NetnsId) {
    let Ok(space) = world.space_mut(netns) else { return };
    if std::mem::replace(&mut space.stack.domain_rule, true) {
        return;
    }
    let rule = Rule { l3mdev: true, ..Rule::lookup(DOMAIN_PRIORITY, 0) };
    for family in [AF_INET, AF_INET6] {
        let Ok(present) = rules(world, netns, family) else { return };
        if present.list.contains(&rule) || present.list.len() >= RULES {
            continue;
        }
        let Ok(rules) = change_rules(world, netns, family) else { return };
        rules.add(rule.clone());
        announce(world, netns, family, &rule, RTM_NEWRULE);
    }
}

fn announce(world: &mut World, netns: NetnsId, family: u8, rule: &Rule, kind: u16) {
    let group = if family == AF_INET { RTNLGRP_IPV4_RULE } else { RTNLGRP_IPV6_RULE };
    if world.listens(netns, group) {
        let mut out = Builder::new();
        fill(world, netns, family, rule, &mut out, Header { kind, flags: 0, seq: 0, pid: 0 });
        world.publish(netns, group, &out.bytes);
    }
}
