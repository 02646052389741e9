//! A rule as `ip rule` shows it, as text and as JSON; and as a monitor hears it.

use crate::context::Context;
use rtnl::attr::Attr;
use rtnl::message::Message;
use rtnl::names::{PROTOCOLS, REALMS, SERVICES, TABLES, ip_protocol_name, kind_name};
use rtnl::object::route::{RTA_GATEWAY, RTN_NAT, RTPROT_KERNEL};
use rtnl::object::rule::*;
use rtnl::prefix::{attr_text, bit_length, colour};
use rtnl::sink::{Colour, Sink};
use rtnl::table::Tb;

/// Shows the rule that a message tells of, as an object of its own.
pub fn show(ctx: &mut Context<'_>, message: &Message<'_>) {
    ctx.sink.open_object("");
    show_rule(ctx, message);
    ctx.sink.close_object();
}

/// The same within an object that is open.
pub(super) fn show_rule(ctx: &mut Context<'_>, message: &Message<'_>) {
    let Some(rule) = FibRule::decode(message) else { return };
    let tb = Tb::read(message.attrs(FibRule::SIZE));
    let sink = &mut ctx.sink;
    if message.header.kind == RTM_DELRULE {
        sink.boolean("deleted", true, "Deleted ", "");
    }
    sink.uint("priority", "", u64::from(tb.u32(FRA_PRIORITY).unwrap_or(0)), ":\t");
    if rule.flags & FIB_RULE_INVERT != 0 {
        sink.null("not", "not ");
    }
    show_end(sink, &rule, tb.get(FRA_SRC), rule.src_len, ["from ", "src", "srclen"]);
    if tb.has(FRA_DST) || rule.dst_len != 0 {
        show_end(sink, &rule, tb.get(FRA_DST), rule.dst_len, [" to ", "dst", "dstlen"]);
    }
    show_selectors(sink, &rule, &tb);
    show_ports(sink, &tb);
    show_table(sink, &rule, &tb);
    show_realms(sink, &tb);
    show_action(sink, &rule, &tb);
    if let Some(protocol) = tb.u8(FRA_PROTOCOL) {
        if (protocol != 0 && protocol != RTPROT_KERNEL) || sink.format.details > 0 {
            let name = PROTOCOLS.name(u32::from(protocol), sink.format.numeric);
            sink.string("protocol", " proto ", &name, "");
        }
    }
    sink.text("\n");
}

/// A prefix: where a packet is from, or where it goes.
fn show_end(sink: &mut Sink, rule: &FibRule, attr: Option<Attr<'_>>, length: u8, words: [&str; 3]) {
    let [before, key, length_key] = words;
    match attr {
        Some(attr) => {
            let text = attr_text(rule.family, &attr);
            sink.coloured_string(colour(rule.family), key, before, &text, "");
            if length != bit_length(rule.family) {
                sink.uint(length_key, "/", u64::from(length), "");
            }
        }
        None if length != 0 => {
            sink.string(key, before, "0", "");
            sink.uint(length_key, "/", u64::from(length), "");
        }
        None => sink.string(key, before, "all", ""),
    }
}

fn show_selectors(sink: &mut Sink, rule: &FibRule, tb: &Tb<'_>) {
    if rule.tos != 0 {
        let tos = SERVICES.name(u32::from(rule.tos), sink.format.numeric);
        sink.string("tos", " tos ", &tos, "");
    }
    let (mark, mask) = (tb.u32(FRA_FWMARK), tb.u32(FRA_FWMASK));
    if mark.is_some() || mask.is_some() {
        sink.hex0x("fwmark", " fwmark ", u64::from(mark.unwrap_or(0)), "");
        if let Some(mask) = mask.filter(|mask| *mask != u32::MAX) {
            sink.hex0x("fwmask", "/", u64::from(mask), "");
        }
    }
    for (number, key, before, flag, detached) in [
        (FRA_IIFNAME, "iif", " iif ", FIB_RULE_IIF_DETACHED, "iif_detached"),
        (FRA_OIFNAME, "oif", " oif ", FIB_RULE_OIF_DETACHED, "oif_detached"),
    ] {
        let Some(name) = tb.get(number) else { continue };
        sink.coloured_string(Colour::Ifname, key, before, &name.text(), "");
        if rule.flags & flag != 0 {
            sink.null(detached, " [detached]");
        }
    }
    if tb.u8(FRA_L3MDEV).unwrap_or(0) != 0 {
        sink.null("l3mdev", " lookup [l3mdev-table]");
    }
    if let Some((first, last)) = tb.get(FRA_UID_RANGE).map(|attr| attr.u32_pair()) {
        sink.uint("uid_start", " uidrange ", u64::from(first), "");
        sink.uint("uid_end", "-", u64::from(last), "");
    }
    if let Some(protocol) = tb.u8(FRA_IP_PROTO) {
        let name = ip_protocol_name(protocol, sink.format.numeric);
        sink.string("ipproto", " ipproto ", &name, "");
    }
}

/// The first and the last port in an attribute.
pub(super) fn port_range(attr: &Attr<'_>) -> (u16, u16) {
    let b: [u8; 4] = attr.first();
    (u16::from_ne_bytes([b[0], b[1]]), u16::from_ne_bytes([b[2], b[3]]))
}

fn show_ports(sink: &mut Sink, tb: &Tb<'_>) {
    for (number, key) in [(FRA_SPORT_RANGE, "sport"), (FRA_DPORT_RANGE, "dport")] {
        let Some((first, last)) = tb.get(number).map(|attr| port_range(&attr)) else { continue };
        let before = format!(" {key} ");
        if first == last {
            sink.uint(key, &before, u64::from(first), "");
        } else {
            sink.uint(&format!("{key}_start"), &before, u64::from(first), "");
            sink.uint(&format!("{key}_end"), "-", u64::from(last), "");
        }
    }
    if let Some(attr) = tb.get(FRA_TUN_ID) {
        sink.uint("tun_id", " tun_id ", u64::from_be_bytes(attr.first()), "");
    }
}

fn show_table(sink: &mut Sink, rule: &FibRule, tb: &Tb<'_>) {
    let table = rule.table(tb.u32(FRA_TABLE));
    if table == 0 {
        return;
    }
    let numeric = sink.format.numeric;
    sink.string("table", " lookup ", &TABLES.name(table, numeric), "");
    if let Some(length) = tb.i32(FRA_SUPPRESS_PREFIXLEN).filter(|length| *length != -1) {
        sink.int("suppress_prefixlen", " suppress_prefixlength ", i64::from(length), "");
    }
    if let Some(group) = tb.i32(FRA_SUPPRESS_IFGROUP).filter(|group| *group != -1) {
        let named = group == 0 && !numeric;
        let text = if named { "default".into() } else { group.to_string() };
        sink.string("suppress_ifgroup", " suppress_ifgroup ", &text, "");
    }
}

fn show_realms(sink: &mut Sink, tb: &Tb<'_>) {
    let Some(realms) = tb.u32(FRA_FLOW) else { return };
    let numeric = sink.format.numeric;
    let (from, to) = (realms >> 16, realms & 0xffff);
    if from == 0 {
        sink.text(" realms ");
    } else {
        sink.string("flow_from", " realms ", &REALMS.name(from, numeric), "/");
    }
    sink.string("flow_to", "", &REALMS.name(to, numeric), "");
}

fn show_action(sink: &mut Sink, rule: &FibRule, tb: &Tb<'_>) {
    match rule.action {
        RTN_NAT => match tb.get(RTA_GATEWAY) {
            Some(attr) => sink.string("nat_gateway", " map-to ", &attr_text(rule.family, &attr), ""),
            None => sink.null("masquerade", " masquerade"),
        },
        FR_ACT_GOTO => {
            match tb.u32(FRA_GOTO) {
                Some(target) => sink.uint("goto", " goto ", u64::from(target), ""),
                None => sink.string("goto", " goto ", "none", ""),
            }
            if rule.flags & FIB_RULE_UNRESOLVED != 0 {
                sink.null("unresolved", " [unresolved]");
            }
        }
        FR_ACT_NOP => sink.null("nop", " nop"),
        FR_ACT_TO_TBL => {}
        action => sink.string("action", " ", &kind_name(action, sink.format.numeric), ""),
    }
}
