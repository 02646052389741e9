//! `vf NUM …`: the settings of a virtual function of a device (`IFLA_VFINFO_LIST`). No device here has any, but the
//! request is made as the tool makes it, and the kernel refuses it.
//!
//! The old setting `rate` and the new `min_tx_rate` and `max_tx_rate` exclude each other: which is meant is found
//! out by looking through the rest of the line first.

use super::line::{Job, Line, wrong_length};
use rtnl::attr::{Attrs, Builder};
use rtnl::ethertype::{self, ETH_P_8021AD, ETH_P_8021Q};
use rtnl::lladdr;
use rtnl::message::Messages;
use rtnl::object::link::{IFLA_EXT_MASK, IFLA_VFINFO_LIST, Ifinfo, RTEXT_FILTER_VF, RTM_GETLINK};
use rtnl::words::{OFF_ON, Stop, Words, integer, matches, number, one_of};

const IFLA_VF_INFO: u16 = 1;
const IFLA_VF_MAC: u16 = 1;
const IFLA_VF_VLAN: u16 = 2;
const IFLA_VF_TX_RATE: u16 = 3;
const IFLA_VF_SPOOFCHK: u16 = 4;
const IFLA_VF_LINK_STATE: u16 = 5;
const IFLA_VF_RATE: u16 = 6;
const IFLA_VF_RSS_QUERY_EN: u16 = 7;
const IFLA_VF_TRUST: u16 = 9;
const IFLA_VF_IB_NODE_GUID: u16 = 10;
const IFLA_VF_IB_PORT_GUID: u16 = 11;
const IFLA_VF_VLAN_LIST: u16 = 12;
const IFLA_VF_VLAN_INFO: u16 = 1;

/// Bytes of an address in `struct ifla_vf_mac`.
const MAC_MAX: usize = 32;
/// The states of a virtual function's link, by number; any prefix will do.
const STATES: &[&str] = &["auto", "enable", "disable"];

/// What a word sets. Any prefix of a word will do.
#[derive(Clone, Copy)]
enum Sets {
    Mac,
    Vlan,
    Rate,
    MaxRate,
    MinRate,
    Switch(u16),
    State,
    Guid(u16),
}

/// The words in the order in which they are tried.
const WORDS: &[(&str, Sets)] = &[
    ("mac", Sets::Mac),
    ("vlan", Sets::Vlan),
    ("rate", Sets::Rate),
    ("max_tx_rate", Sets::MaxRate),
    ("min_tx_rate", Sets::MinRate),
    ("spoofchk", Sets::Switch(IFLA_VF_SPOOFCHK)),
    ("query_rss", Sets::Switch(IFLA_VF_RSS_QUERY_EN)),
    ("trust", Sets::Switch(IFLA_VF_TRUST)),
    ("state", Sets::State),
    ("node_guid", Sets::Guid(IFLA_VF_IB_NODE_GUID)),
    ("port_guid", Sets::Guid(IFLA_VF_IB_PORT_GUID)),
];

/// One virtual function's settings.
struct Function<'w> {
    number: u32,
    device: &'w str,
    /// The line uses the new settings of rates.
    new_rates: bool,
    /// It tells the largest rate itself.
    max_told: bool,
    min: Option<u32>,
    max: Option<u32>,
}

/// Reads the function's number and its settings.
pub(super) fn parse<'w>(
    line: &mut Line<'w>,
    job: &mut Job<'_, '_>,
    words: &mut Words<'w>,
    out: &mut Builder,
) -> Result<(), Stop> {
    let text = words.value()?;
    let number = integer(text, 0).ok_or_else(|| invalid("vf", text))? as u32;
    let device = line.device.ok_or_else(|| Stop::required("dev"))?;
    let has = |word: &str| words.rest().iter().any(|typed| matches(typed, word));
    let max_told = has("max_tx_rate");
    let new_rates = max_told || has("min_tx_rate");
    let mut function = Function { number, device, new_rates, max_told, min: None, max: None };

    let list = out.nest(IFLA_VFINFO_LIST);
    let info = out.nest(IFLA_VF_INFO);
    let before = words.left();
    while let Some(typed) = words.peek() {
        let Some((_, sets)) = WORDS.iter().find(|(word, _)| matches(typed, word)) else { break };
        words.take();
        function.set(*sets, job, words, out)?;
    }
    if new_rates {
        function.put_rates(job, out)?;
    }
    if words.left() == before {
        return Err(Stop::incomplete());
    }
    out.end(info);
    out.end(list);
    // From here on `name` is a new name, and the tool wants the device told.
    if line.device_is_name {
        line.device = None;
        line.device_is_name = false;
    }
    Ok(())
}

fn invalid(word: &str, text: &str) -> Stop {
    Stop::invalid(&format!("Invalid \"{word}\" value\n"), text)
}

fn unsigned(word: &str, text: &str) -> Result<u32, Stop> {
    number(text, 0, u64::from(u32::MAX)).map(|value| value as u32).ok_or_else(|| invalid(word, text))
}

/// Numbers behind one another in host order.
fn bytes(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

impl Function<'_> {
    fn set(
        &mut self,
        sets: Sets,
        job: &mut Job<'_, '_>,
        words: &mut Words<'_>,
        out: &mut Builder,
    ) -> Result<(), Stop> {
        match sets {
            Sets::Mac => self.mac(job, words, out)?,
            Sets::Vlan => self.vlan(words, out)?,
            Sets::Rate => {
                let rate = unsigned("rate", words.value()?)?;
                if !self.new_rates {
                    out.put(IFLA_VF_TX_RATE, &bytes(&[self.number, rate]));
                } else if !self.max_told {
                    self.max = Some(rate);
                }
            }
            Sets::MaxRate => self.max = Some(unsigned("max tx rate", words.value()?)?),
            Sets::MinRate => self.min = Some(unsigned("min tx rate", words.value()?)?),
            Sets::Switch(attribute) => {
                let on = one_of(switch_name(attribute), OFF_ON, words.value()?)?;
                out.put(attribute, &bytes(&[self.number, on as u32]));
            }
            Sets::State => {
                let text = words.value()?;
                let state = STATES.iter().position(|state| matches(text, state));
                let state = state.ok_or_else(|| invalid("state", text))?;
                out.put(IFLA_VF_LINK_STATE, &bytes(&[self.number, state as u32]));
            }
            Sets::Guid(attribute) => {
                let text = words.value()?;
                let guid = guid(text).ok_or_else(|| Stop::invalid("Invalid GUID format\n", text))?;
                let mut payload = bytes(&[self.number, 0]);
                payload.extend_from_slice(&guid.to_ne_bytes());
                out.put(attribute, &payload);
            }
        }
        Ok(())
    }

    fn mac(&self, job: &mut Job<'_, '_>, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
        let length = job.address_length(self.device);
        let address = lladdr::parse(words.value()?)?;
        if let Some(length) = length.filter(|length| *length > 0 && *length != address.len()) {
            return Err(wrong_length(address.len(), length));
        }
        let mut payload = bytes(&[self.number]);
        payload.extend_from_slice(&address[..address.len().min(MAC_MAX)]);
        payload.resize(4 + MAC_MAX, 0);
        out.put(IFLA_VF_MAC, &payload);
        Ok(())
    }

    /// One tag of 802.1Q goes in the old attribute; a first one of 802.1ad begins a list.
    fn vlan(&self, words: &mut Words<'_>, out: &mut Builder) -> Result<(), Stop> {
        let first = Tag::parse(words)?;
        if first.protocol == ETH_P_8021Q {
            out.put(IFLA_VF_VLAN, &bytes(&[self.number, first.vid, first.qos]));
            return Ok(());
        }
        let list = out.nest(IFLA_VF_VLAN_LIST);
        first.put(self.number, out);
        while words.peek().is_some_and(|typed| matches(typed, "vlan")) {
            words.take();
            Tag::parse(words)?.put(self.number, out);
        }
        out.end(list);
        Ok(())
    }

    /// Both rates travel together: the one that was not told is the one in force.
    fn put_rates(&mut self, job: &mut Job<'_, '_>, out: &mut Builder) -> Result<(), Stop> {
        let (min, max) = match (self.min, self.max) {
            (Some(min), Some(max)) => (min, max),
            (min, max) => {
                let now = self.rates_now(job)?;
                (min.unwrap_or(now.0), max.unwrap_or(now.1))
            }
        };
        if max != 0 && (min as i32) > (max as i32) {
            let (min, max) = (min as i32, max as i32);
            return Err(Stop::fail(1, format!("Invalid min_tx_rate {min} - must be <= max_tx_rate {max}\n")));
        }
        out.put(IFLA_VF_RATE, &bytes(&[self.number, min, max]));
        Ok(())
    }

    /// Smallest and largest rate in force; 0 on a device that has no virtual functions.
    fn rates_now(&self, job: &mut Job<'_, '_>) -> Result<(u32, u32), Stop> {
        let ifindex = job.ctx.links().index(self.device);
        let missing = || Stop::exit_with(1, format!("Device {} does not exist\n", self.device));
        let mut body = Builder::new();
        Ifinfo { ifindex: ifindex.ok_or_else(missing)? as i32, ..Ifinfo::default() }.encode(&mut body);
        body.u32(IFLA_EXT_MASK, RTEXT_FILTER_VF);
        let answer = job.ctx.ask(RTM_GETLINK, 0, &body.bytes)?;
        let message = Messages(&answer).next();
        let list = message.and_then(|message| message.attrs(Ifinfo::SIZE).find(IFLA_VFINFO_LIST));
        let Some(list) = list else { return Ok((0, 0)) };
        let rates = list.attrs().filter_map(|function| rates_of(function.attrs()));
        let found = rates.into_iter().find(|(number, ..)| *number == self.number);
        let absent = || Stop::exit_with(1, format!("Cannot find VF {}\n", self.number as i32));
        found.map(|(_, min, max)| (min, max)).ok_or_else(absent)
    }
}

/// Number, smallest and largest rate of a function that the kernel tells of.
fn rates_of(attrs: Attrs<'_>) -> Option<(u32, u32, u32)> {
    let rate: [u8; 12] = attrs.find(IFLA_VF_RATE)?.first();
    let word = |at: usize| u32::from_ne_bytes([rate[at], rate[at + 1], rate[at + 2], rate[at + 3]]);
    Some((word(0), word(4), word(8)))
}

/// The word of a switch.
fn switch_name(attribute: u16) -> &'static str {
    let is_it = |sets: &Sets| matches!(sets, Sets::Switch(number) if *number == attribute);
    WORDS.iter().find(|(_, sets)| is_it(sets)).map_or("", |(word, _)| word)
}

/// A tag that the function's frames get.
struct Tag {
    vid: u32,
    qos: u32,
    protocol: u16,
}

impl Tag {
    fn parse(words: &mut Words<'_>) -> Result<Tag, Stop> {
        let text = words.value()?;
        let vid = number(text, 0, 4095).ok_or_else(|| invalid("vlan", text))? as u32;
        let mut tag = Tag { vid, qos: 0, protocol: ETH_P_8021Q };
        if words.peek().is_some_and(|typed| matches(typed, "qos")) {
            words.take();
            tag.qos = unsigned("qos", words.value()?)?;
        }
        if words.peek().is_some_and(|typed| matches(typed, "proto")) {
            words.take();
            let text = words.value()?;
            tag.protocol =
                ethertype::parse(text).ok_or_else(|| Stop::invalid("protocol is invalid\n", text))?;
            if !matches!(tag.protocol, ETH_P_8021Q | ETH_P_8021AD) {
                let known = "Invalid \"vlan protocol\" value - supported 802.1Q, 802.1ad\n";
                return Err(Stop::invalid(known, text));
            }
        }
        Ok(tag)
    }

    /// `struct ifla_vf_vlan_info`.
    fn put(&self, number: u32, out: &mut Builder) {
        let mut payload = bytes(&[number, self.vid, self.qos]);
        payload.extend_from_slice(&self.protocol.to_be_bytes());
        payload.extend_from_slice(&[0; 2]);
        out.put(IFLA_VF_VLAN_INFO, &payload);
    }
}

/// Eight bytes of two digits each with colons between, the first being the highest.
fn guid(text: &str) -> Option<u64> {
    let parts: Vec<&str> = text.split(':').collect();
    if parts.len() != 8 || parts.iter().any(|part| part.len() != 2) {
        return None;
    }
    parts.iter().try_fold(0, |guid, part| Some(guid << 8 | number(part, 16, 0xff)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_eight_bytes() {
        assert_eq!(guid("00:11:22:33:44:55:66:77"), Some(0x0011_2233_4455_6677));
        assert_eq!(guid("00:11:22:33:44:55:66"), None);
        assert_eq!(guid("0:11:22:33:44:55:66:77"), None);
        assert_eq!(guid("zz:11:22:33:44:55:66:77"), None);
    }
}
