//! `ip rule add|delete`: one request of a whole line.

use super::{read_length, read_mark, read_ports, read_prefix, read_u32, read_users, show, usage};
use crate::context::{AF_INET, AF_UNSPEC, Context};
use crate::echo::talk;
use crate::link_list::group_number;
use crate::session::is_ifname;
use rtnl::attr::Builder;
use rtnl::message::{NLM_F_CREATE, NLM_F_EXCL};
use rtnl::names::{self, Names, PROTOCOLS, SERVICES, TABLES};
use rtnl::object::route::{RT_TABLE_MAIN, RTA_GATEWAY, RTN_NAT};
use rtnl::object::rule::*;
use rtnl::prefix::{Prefix, address};
use rtnl::words::{Stop, Words, matches, number};

/// What a line without the argument it needs ends with: `EINVAL`, as a status.
const INVALID: i32 = 22;

/// What was read of a line.
#[derive(Default)]
struct Line {
    rule: FibRule,
    /// The table that was told; 0 if none.
    table: u32,
    /// Whether table or action was told.
    told: bool,
    l3mdev: bool,
}

/// Runs the words behind a verb, whose message has that type.
///
/// # Errors
/// What the tool says.
pub(super) fn run(ctx: &mut Context<'_>, kind: u16, words: &[String]) -> Result<(), Stop> {
    let adds = kind == RTM_NEWRULE;
    if words.is_empty() {
        let verb = if adds { "add" } else { "del" };
        return Err(Stop::fail(1, format!("\"ip rule {verb}\" requires arguments.\n")));
    }
    let mut line = Line::default();
    line.rule.family = ctx.options.family;
    line.rule.action = if adds { FR_ACT_TO_TBL } else { FR_ACT_UNSPEC };
    let mut out = Builder::new();
    let mut words = Words::new(words);
    while let Some(word) = words.take() {
        if !line.selector(word, &mut words, &mut out)? {
            line.action(ctx, word, &mut words, &mut out)?;
        }
    }
    if line.l3mdev && line.table != 0 {
        return Err(Stop::fail(INVALID, "table can not be specified for l3mdev rules\n"));
    }
    if line.rule.family == AF_UNSPEC {
        line.rule.family = AF_INET;
    }
    if !line.told && adds {
        line.rule.table = RT_TABLE_MAIN as u8;
    }
    let mut body = Builder::new();
    line.rule.encode(&mut body);
    body.bytes.extend_from_slice(&out.bytes);
    let flags = if adds { NLM_F_CREATE | NLM_F_EXCL } else { 0 };
    talk(ctx, kind, flags, &body.bytes, show::show_rule)
}

impl Line {
    /// Reads what selects packets; says whether the word was that.
    fn selector(&mut self, word: &str, words: &mut Words<'_>, out: &mut Builder) -> Result<bool, Stop> {
        let any = |names: &[&str]| names.iter().any(|name| matches(word, name));
        match word {
            "not" => self.rule.flags |= FIB_RULE_INVERT,
            "from" => self.rule.src_len = end(FRA_SRC, self.rule.family, words, out)?.bits,
            "to" => self.rule.dst_len = end(FRA_DST, self.rule.family, words, out)?.bits,
            _ if any(&["preference", "order", "priority"]) => {
                out.u32(FRA_PRIORITY, read_u32("preference value is invalid\n", words.value()?)?);
            }
            _ if word == "tos" || any(&["dsfield"]) => {
                self.rule.tos = read(&SERVICES, "TOS value is invalid\n", words.value()?)? as u8;
            }
            "fwmark" => {
                let (mark, mask) = read_mark(words.value()?)?;
                out.u32(FRA_FWMARK, mark);
                if let Some(mask) = mask {
                    out.u32(FRA_FWMASK, mask);
                }
            }
            _ if any(&["realms"]) => {
                let text = words.value()?;
                let realms = names::realms(text).ok_or_else(|| Stop::invalid("invalid realms\n", text))?;
                out.u32(FRA_FLOW, realms);
            }
            _ if any(&["protocol"]) => {
                let protocol = read(&PROTOCOLS, "\"protocol\" value is invalid\n", words.value()?)?;
                out.u8(FRA_PROTOCOL, protocol as u8);
            }
            _ if any(&["tun_id"]) => {
                let text = words.value()?;
                let invalid = || Stop::invalid("\"tun_id\" value is invalid\n", text);
                let tunnel = number(text, 0, u64::MAX).ok_or_else(invalid)?;
                out.put(FRA_TUN_ID, &tunnel.to_be_bytes());
            }
            _ if any(&["table"]) || word == "lookup" => {
                self.table = read(&TABLES, "invalid table ID\n", words.value()?)?;
                self.rule.table = u8::try_from(self.table).unwrap_or(0);
                if self.table > u32::from(u8::MAX) {
                    out.u32(FRA_TABLE, self.table);
                }
                self.told = true;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads the words that are tried behind those.
    fn action(
        &mut self,
        ctx: &mut Context<'_>,
        word: &str,
        words: &mut Words<'_>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        match word {
            _ if matches(word, "suppress_prefixlength") || word == "sup_pl" => {
                let complaint = "suppress_prefixlength value is invalid\n";
                out.u32(FRA_SUPPRESS_PREFIXLEN, read_length(complaint, words.value()?)?);
            }
            _ if matches(word, "suppress_ifgroup") || word == "sup_group" => {
                let text = words.value()?;
                let invalid = || Stop::invalid("Invalid \"suppress_ifgroup\" value\n", text);
                out.u32(FRA_SUPPRESS_IFGROUP, group_number(text).ok_or_else(invalid)?);
            }
            "dev" | "iif" => link(FRA_IIFNAME, "\"iif\"/\"dev\" not a valid ifname", words, out)?,
            "oif" => link(FRA_OIFNAME, "\"oif\" not a valid ifname", words, out)?,
            "l3mdev" => {
                out.u8(FRA_L3MDEV, 1);
                self.told = true;
                self.l3mdev = true;
            }
            "uidrange" => {
                let (first, last) = read_users(words.value()?)?;
                out.u32_pair(FRA_UID_RANGE, first, last);
            }
            _ if word == "nat" || matches(word, "map-to") => {
                let text = words.value()?;
                ctx.host.err("Warning: route NAT is deprecated\n");
                let expected = format!("Error: an IP address is expected rather than \"{text}\"\n");
                let gateway = address(text, AF_INET).map_err(|_| Stop::exit_with(1, expected))?;
                out.put(RTA_GATEWAY, gateway.bytes.first_chunk::<4>().unwrap_or(&[0; 4]));
                self.rule.action = RTN_NAT;
            }
            "ipproto" => {
                let text = words.value()?;
                let invalid = || Stop::invalid("Invalid \"ipproto\" value\n", text);
                out.u8(FRA_IP_PROTO, names::ip_protocol(text).ok_or_else(invalid)?);
            }
            "sport" => ports(FRA_SPORT_RANGE, "invalid port range\n", words, out)?,
            "dport" => ports(FRA_DPORT_RANGE, "invalid dport range\n", words, out)?,
            _ => self.kind(word, words, out)?,
        }
        Ok(())
    }

    /// `[ type ] ACTION`.
    fn kind(&mut self, word: &str, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
        let text = if word == "type" { words.value()? } else { word };
        if matches(text, "help") {
            return Err(usage());
        }
        self.rule.action = if matches(text, "goto") {
            out.u32(FRA_GOTO, read_u32("invalid target\n", words.value()?)?);
            FR_ACT_GOTO
        } else if matches(text, "nop") {
            FR_ACT_NOP
        } else {
            names::kind_number(text).ok_or_else(|| Stop::invalid("Failed to parse rule type", text))?
        };
        self.told = true;
        Ok(())
    }
}

fn read(names: &Names, complaint: &str, text: &str) -> Result<u32, Stop> {
    names.number(text).ok_or_else(|| Stop::invalid(complaint, text))
}

fn end(number: u16, family: u8, words: &mut Words<'_>, out: &mut Builder) -> Result<Prefix, Stop> {
    let prefix = read_prefix(words.value()?, family)?;
    out.put(number, &prefix.bytes);
    Ok(prefix)
}

fn link(number: u16, complaint: &str, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
    let name = words.value()?;
    if !is_ifname(name) {
        return Err(Stop::invalid(complaint, name));
    }
    out.string(number, name.as_bytes());
    Ok(())
}

fn ports(number: u16, complaint: &str, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
    let (first, last) = read_ports(complaint, words.value()?)?;
    let [a, b] = first.to_ne_bytes();
    let [c, d] = last.to_ne_bytes();
    out.put(number, &[a, b, c, d]);
    Ok(())
}
