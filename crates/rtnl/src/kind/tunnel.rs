//! What the words of tunnels have in common (iproute2 `iplink_vxlan.c`, `iplink_geneve.c`): readers of single values
//! with the tool's complaints, and how the shared attributes are shown.

use crate::family::{AF_INET, AF_INET6};
use crate::names::SERVICES;
use crate::prefix::{Prefix, address_text};
use crate::show::Scene;
use crate::table::Tb;
use crate::words::{Stop, number};

/// The attributes whose words came already: each may come once.
#[derive(Default)]
pub(super) struct Once(u64);

impl Once {
    /// Notes a word. `word` is what the complaint calls it, `argument` what it names as the second value.
    ///
    /// # Errors
    /// The complaint, if the attribute's word came before.
    pub(super) fn note(&mut self, number: u16, word: &str, argument: &str) -> Result<(), Stop> {
        if self.has(number) {
            return Err(Stop::duplicate_or_garbage(word, argument));
        }
        self.0 |= 1 << (number & 63);
        Ok(())
    }

    /// Whether the attribute's word came.
    pub(super) fn has(&self, number: u16) -> bool {
        self.0 & 1 << (number & 63) != 0
    }
}

/// Reads the identifier of a network, 24 bits.
pub(super) fn network(text: &str) -> Result<u32, Stop> {
    number(text, 0, (1 << 24) - 1).map(|id| id as u32).ok_or_else(|| Stop::invalid("invalid id", text))
}

/// Reads a time to live; none for `inherit`, and 0 for `auto`.
pub(super) fn time_to_live(text: &str) -> Result<Option<u8>, Stop> {
    match text {
        "inherit" => Ok(None),
        "auto" => Ok(Some(0)),
        _ => {
            let value = number(text, 0, u64::from(u32::MAX));
            let value = value.ok_or_else(|| Stop::invalid("invalid TTL", text))?;
            u8::try_from(value).map(Some).map_err(|_| Stop::invalid("TTL must be <= 255", text))
        }
    }
}

/// Reads a type of service; `inherit` is 1.
pub(super) fn service(text: &str) -> Result<u8, Stop> {
    if text == "inherit" {
        return Ok(1);
    }
    SERVICES.number(text).map(|value| value as u8).ok_or_else(|| Stop::invalid("bad TOS value", text))
}

/// Whether packets may be cut, by what is typed; the place is the value.
pub(super) const CUTTING: [&str; 3] = ["unset", "set", "inherit"];

/// Reads one of [`CUTTING`].
pub(super) fn cutting(text: &str) -> Result<u8, Stop> {
    let wrong = || Stop::invalid("DF must be 'unset', 'set' or 'inherit'", text);
    CUTTING.iter().position(|word| *word == text).map(|place| place as u8).ok_or_else(wrong)
}

/// Reads a flow label, 20 bits.
pub(super) fn flow_label(text: &str) -> Result<u32, Stop> {
    let label = number(text, 0, (1 << 20) - 1);
    label.map(|label| label as u32).ok_or_else(|| Stop::invalid("invalid flowlabel", text))
}

/// Reads a port.
pub(super) fn port(text: &str, complaint: &str) -> Result<u16, Stop> {
    let port = number(text, 0, u64::from(u16::MAX));
    port.map(|port| port as u16).ok_or_else(|| Stop::invalid(complaint, text))
}

/// Whether an address is of a family at all; `any` is of none unless one was meant.
pub(super) fn is_inet(address: &Prefix) -> bool {
    matches!(address.family, AF_INET | AF_INET6)
}

// How they are shown.

/// Shows an address under one of two names, unless it is zero: `[one host, one group]` with JSON keys and texts.
pub(super) fn show_address(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16, names: [(&str, &str); 2]) {
    let Some(attr) = tb.get(number) else { return };
    let family = if attr.payload.len() >= 16 { AF_INET6 } else { AF_INET };
    if attr.payload.iter().all(|byte| *byte == 0) {
        return;
    }
    let group = match family {
        AF_INET => attr.payload[0] & 0xf0 == 0xe0,
        _ => attr.payload[0] == 0xff,
    };
    let (key, before) = names[usize::from(group)];
    if !key.is_empty() {
        scene.sink.string(key, before, &address_text(family, attr.payload), " ");
    }
}

/// Shows the time to live; one that is taken from what is inside only as text.
pub(super) fn show_time_to_live(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16, inherit: u16) {
    let ttl = tb.u8(number);
    if tb.u8(inherit).is_some_and(|value| value != 0) {
        if !scene.sink.json() {
            scene.sink.string("", "ttl ", "inherit", " ");
        }
    } else if let Some(ttl) = ttl {
        match ttl {
            0 if !scene.sink.json() => scene.sink.string("", "ttl ", "auto", " "),
            _ => scene.sink.uint("ttl", "ttl ", u64::from(ttl), " "),
        }
    }
}

/// Shows the type of service.
pub(super) fn show_service(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16) {
    match tb.u8(number).unwrap_or(0) {
        0 => {}
        1 if !scene.sink.json() => scene.sink.string("", "tos ", "inherit", " "),
        tos => scene.sink.hex0x("tos", "tos ", u64::from(tos), " "),
    }
}

/// Shows whether packets may be cut; that they may only in JSON.
pub(super) fn show_cutting(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16) {
    let word = tb.u8(number).and_then(|value| CUTTING.get(usize::from(value)));
    if let Some(word) = word.filter(|word| **word != CUTTING[0] || scene.sink.json()) {
        scene.sink.string("df", "df ", word, " ");
    }
}

/// Shows the flow label, unless it is zero.
pub(super) fn show_flow_label(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16) {
    let label = u32::from_be(tb.u32(number).unwrap_or(0));
    if label != 0 {
        scene.sink.hex0x("label", "flowlabel ", u64::from(label), " ");
    }
}

/// Shows a switch whose word has `no` before it when it is off.
pub(super) fn show_switch(scene: &mut Scene<'_>, tb: &Tb<'_>, number: u16, key: &str, word: &str) {
    let Some(on) = tb.u8(number).map(|value| value != 0) else { return };
    scene.sink.boolean(key, on, &format!("{word} "), &format!("no{word} "));
}
