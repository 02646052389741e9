//! `macsec`: a link whose frames IEEE 802.1AE protects on a lower link (`drivers/net/macsec.c`; iproute2
//! `ipmacsec.c`).
//!
//! Words must stand whole. The secure channel's identifier comes first or not at all; switches are plain rows; cipher,
//! replay protection and the encoding association are gathered over the line and written last.

use super::Kind;
use crate::attr::Builder;
use crate::client::Links;
use crate::lladdr;
use crate::show::{Scene, Show};
use crate::table::{Row, Table, Tb, Wire};
use crate::words::{OFF_ON, Stop, Value, Word, Words, number, one_of};

/// The secure channel's identifier, eight bytes: address and port.
pub const IFLA_MACSEC_SCI: u16 = 1;
/// Its port alone, network order; the address is the link's.
pub const IFLA_MACSEC_PORT: u16 = 2;
/// Bytes of the check value.
pub const IFLA_MACSEC_ICV_LEN: u16 = 3;
/// The cipher, `MACSEC_CIPHER_ID_*`.
pub const IFLA_MACSEC_CIPHER_SUITE: u16 = 4;
/// Packet numbers that may come late.
pub const IFLA_MACSEC_WINDOW: u16 = 5;
/// The association that frames are sent in, 0 to 3.
pub const IFLA_MACSEC_ENCODING_SA: u16 = 6;
/// Whether frames are encrypted, and not only authenticated.
pub const IFLA_MACSEC_ENCRYPT: u16 = 7;
/// Whether frames are protected at all.
pub const IFLA_MACSEC_PROTECT: u16 = 8;
/// Whether frames bear the channel's identifier.
pub const IFLA_MACSEC_INC_SCI: u16 = 9;
/// End station.
pub const IFLA_MACSEC_ES: u16 = 10;
/// Single copy broadcast.
pub const IFLA_MACSEC_SCB: u16 = 11;
/// Whether frames that come late are dropped.
pub const IFLA_MACSEC_REPLAY_PROTECT: u16 = 12;
/// What is done with frames that fail the check.
pub const IFLA_MACSEC_VALIDATION: u16 = 13;
/// Fills up to eight bytes.
pub const IFLA_MACSEC_PAD: u16 = 14;
/// Whether hardware does it.
pub const IFLA_MACSEC_OFFLOAD: u16 = 15;

/// The cipher that is meant where none is, under its old number.
pub const MACSEC_DEFAULT_CIPHER_ID: u64 = 0x0080_0200_0100_0001;
/// GCM-AES-128.
pub const MACSEC_CIPHER_ID_GCM_AES_128: u64 = 0x0080_c200_0100_0001;
/// GCM-AES-256.
pub const MACSEC_CIPHER_ID_GCM_AES_256: u64 = 0x0080_c200_0100_0002;
/// GCM-AES-XPN-128: with packet numbers of 64 bits.
pub const MACSEC_CIPHER_ID_GCM_AES_XPN_128: u64 = 0x0080_c200_0100_0003;
/// GCM-AES-XPN-256.
pub const MACSEC_CIPHER_ID_GCM_AES_XPN_256: u64 = 0x0080_c200_0100_0004;

/// Bytes that the check value may have.
const ICV_LENGTHS: std::ops::RangeInclusive<u64> = 8..=16;
/// The largest number of an association.
const LARGEST_ASSOCIATION: u64 = 3;
/// A window that is none: the tool cannot tell this number from no number.
const NO_WINDOW: u32 = u32::MAX;

/// Ciphers by the words for them.
const CIPHERS: &[(&[&str], u64)] = &[
    (&["default"], MACSEC_DEFAULT_CIPHER_ID),
    (&["gcm-aes-128", "GCM-AES-128"], MACSEC_CIPHER_ID_GCM_AES_128),
    (&["gcm-aes-256", "GCM-AES-256"], MACSEC_CIPHER_ID_GCM_AES_256),
    (&["gcm-aes-xpn-128", "GCM-AES-XPN-128"], MACSEC_CIPHER_ID_GCM_AES_XPN_128),
    (&["gcm-aes-xpn-256", "GCM-AES-XPN-256"], MACSEC_CIPHER_ID_GCM_AES_XPN_256),
];

/// What is done with frames that fail the check.
pub const VALIDATION: &[&str] = &["disabled", "check", "strict"];
/// Who protects frames.
pub const OFFLOAD: &[&str] = &["off", "phy", "mac"];

/// Switches that shut one another out.
const EXCLUSIVE: &[(&str, u16)] =
    &[("send_sci", IFLA_MACSEC_INC_SCI), ("end_station", IFLA_MACSEC_ES), ("scb", IFLA_MACSEC_SCB)];

static TABLE: Table = Table::new(
    "IFLA_MACSEC",
    &[
        Row::new(IFLA_MACSEC_SCI, "IFLA_MACSEC_SCI", Wire::U64).show("sci", Show::Hook(show_sci)),
        Row::new(IFLA_MACSEC_PORT, "IFLA_MACSEC_PORT", Wire::U16Be),
        Row::new(IFLA_MACSEC_PROTECT, "IFLA_MACSEC_PROTECT", Wire::U8)
            .word(Word::whole(&["protect"], Value::OneOf("protect", OFF_ON)))
            .show("protect", Show::OnOff("protect ")),
        Row::new(IFLA_MACSEC_CIPHER_SUITE, "IFLA_MACSEC_CIPHER_SUITE", Wire::U64)
            .show("cipher_suite", Show::Hook(show_cipher)),
        Row::new(IFLA_MACSEC_ICV_LEN, "IFLA_MACSEC_ICV_LEN", Wire::U8).show("icv_len", Show::Uint("icvlen ")),
        Row::new(IFLA_MACSEC_ENCODING_SA, "IFLA_MACSEC_ENCODING_SA", Wire::U8)
            .show("encoding_sa", Show::Uint("encodingsa ")),
        Row::new(IFLA_MACSEC_VALIDATION, "IFLA_MACSEC_VALIDATION", Wire::U8)
            .word(Word::whole(&["validate"], Value::OneOf("validate", VALIDATION)))
            .show("validation", Show::Hook(show_validation)),
        Row::new(IFLA_MACSEC_OFFLOAD, "IFLA_MACSEC_OFFLOAD", Wire::U8)
            .word(Word::whole(&["offload"], Value::OneOf("offload", OFFLOAD)))
            .show("offload", Show::Hook(show_offload)),
        Row::new(IFLA_MACSEC_ENCRYPT, "IFLA_MACSEC_ENCRYPT", Wire::U8)
            .word(Word::whole(&["encrypt"], Value::OneOf("encrypt", OFF_ON)))
            .show("encrypt", Show::OnOff("encrypt ")),
        Row::new(IFLA_MACSEC_INC_SCI, "IFLA_MACSEC_INC_SCI", Wire::U8)
            .show("inc_sci", Show::OnOff("send_sci ")),
        Row::new(IFLA_MACSEC_ES, "IFLA_MACSEC_ES", Wire::U8).show("es", Show::OnOff("end_station ")),
        Row::new(IFLA_MACSEC_SCB, "IFLA_MACSEC_SCB", Wire::U8).show("scb", Show::OnOff("scb ")),
        Row::new(IFLA_MACSEC_REPLAY_PROTECT, "IFLA_MACSEC_REPLAY_PROTECT", Wire::U8)
            .show("replay_protect", Show::OnOff("replay ")),
        Row::new(IFLA_MACSEC_WINDOW, "IFLA_MACSEC_WINDOW", Wire::U32).show("window", Show::Int("window ")),
    ],
);

/// The type.
pub static KIND: Kind = Kind {
    name: "macsec",
    table: &TABLE,
    parse: Some(parse),
    show: Some(|scene, tb| TABLE.show(scene, tb)),
    help: Some(HELP),
    port: false,
};

const HELP: &str = "\
Usage: ... macsec [ [ address <lladdr> ] port { 1..2^16-1 } | sci <u64> ]
                  [ cipher { default | gcm-aes-128 | gcm-aes-256 | gcm-aes-xpn-128 | gcm-aes-xpn-256 } ]
                  [ icvlen { 8..16 } ]
                  [ encrypt { on | off } ]
                  [ send_sci { on | off } ]
                  [ end_station { on | off } ]
                  [ scb { on | off } ]
                  [ protect { on | off } ]
                  [ replay { on | off} window { 0..2^32-1 } ]
                  [ validate { strict | check | disabled } ]
                  [ encodingsa { 0..3 } ]
                  [ offload { mac | phy | off } ]
";

/// What is gathered over a line and written at its end.
#[derive(Default)]
struct Line {
    cipher: Option<u64>,
    icv_length: Option<u8>,
    replay: Option<bool>,
    window: Option<u32>,
    association: Option<u8>,
    /// The switches that shut one another out.
    exclusive: [bool; 3],
}

fn parse(words: &mut Words<'_>, out: &mut Builder, links: &mut dyn Links) -> Result<(), Stop> {
    let channel = Channel::parse(words, |sci| sci.identifier.is_some() || sci.port.is_some(), true)?;
    match channel.identifier() {
        Some(identifier) => out.put(IFLA_MACSEC_SCI, &identifier.to_be_bytes()),
        None if channel.is_named() => out.u16_be(IFLA_MACSEC_PORT, channel.port.unwrap_or(0)),
        None => {}
    }
    let mut line = Line::default();
    while let Some(typed) = words.peek() {
        if !line.parse_word(words, out)? && !TABLE.parse_word(words, out, links)? {
            return Err(KIND.usage(&format!("unknown command \"{typed}\"?")));
        }
    }
    line.write(out)
}

impl Line {
    fn parse_word(&mut self, words: &mut Words<'_>, out: &mut Builder) -> Result<bool, Stop> {
        let typed = words.take().unwrap_or_default();
        if let Some(place) = EXCLUSIVE.iter().position(|(word, _)| *word == typed) {
            self.exclusive[place] = one_of(typed, OFF_ON, words.value()?)? == 1;
            out.u8(EXCLUSIVE[place].1, u8::from(self.exclusive[place]));
            return Ok(true);
        }
        match typed {
            "cipher" => {
                let text = words.value()?;
                if self.cipher.is_some() {
                    return Err(Stop::duplicate("cipher", text));
                }
                self.cipher = Some(cipher(text)?);
            }
            "icvlen" => {
                let text = words.value()?;
                if self.icv_length.is_some() {
                    return Err(Stop::duplicate("icvlen", text));
                }
                self.icv_length = Some(icv_length(text)?);
            }
            "replay" => self.replay = Some(one_of("replay", OFF_ON, words.value()?)? == 1),
            "window" => {
                let text = words.value()?;
                let window = number(text, 0, u64::from(u32::MAX));
                let window = window.ok_or_else(|| Stop::invalid("expected replay window size", text))? as u32;
                self.window = Some(window).filter(|window| *window != NO_WINDOW);
            }
            "encodingsa" if self.association.is_some() => {
                return Err(Stop::duplicate_or_garbage("encodingsa", "encodingsa"));
            }
            "encodingsa" => self.association = Some(association(words.value()?)?),
            _ => {
                words.back();
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write(self, out: &mut Builder) -> Result<(), Stop> {
        if self.exclusive.iter().filter(|on| **on).count() > 1 {
            return Err(Stop::fail(1, "invalid combination of send_sci/end_station/scb\n"));
        }
        match (self.window, self.replay) {
            (Some(window), None) => {
                let meant = format!("did you mean 'replay on window {window}'?");
                let missing = "replay window set, but replay protection not enabled.";
                return Err(Stop::fail(1, format!("{missing} {meant}\n")));
            }
            (None, Some(true)) => {
                let meant = "did you mean 'replay on window VALUE'?";
                let missing = "replay protection enabled, but no window set.";
                return Err(Stop::fail(1, format!("{missing} {meant}\n")));
            }
            _ => {}
        }
        if let Some(cipher) = self.cipher {
            out.u64(IFLA_MACSEC_CIPHER_SUITE, cipher);
        }
        if let Some(length) = self.icv_length {
            out.u8(IFLA_MACSEC_ICV_LEN, length);
        }
        if let Some(replay) = self.replay {
            out.u32(IFLA_MACSEC_WINDOW, self.window.unwrap_or(NO_WINDOW));
            out.u8(IFLA_MACSEC_REPLAY_PROTECT, u8::from(replay));
        }
        if let Some(association) = self.association {
            out.u8(IFLA_MACSEC_ENCODING_SA, association);
        }
        Ok(())
    }
}

fn cipher(text: &str) -> Result<u64, Stop> {
    let known = CIPHERS.iter().find(|(words, _)| words.contains(&text));
    let expected = "expected: default, gcm-aes-128, gcm-aes-256, gcm-aes-xpn-128 or gcm-aes-xpn-256";
    known.map(|(_, cipher)| *cipher).ok_or_else(|| Stop::invalid(expected, text))
}

fn icv_length(text: &str) -> Result<u8, Stop> {
    let length = number(text, 10, 255).ok_or_else(|| Stop::invalid("expected ICV length", text))?;
    let (least, most) = (ICV_LENGTHS.start(), ICV_LENGTHS.end());
    let range = format!("ICV length must be in the range {{{least}..{most}}}");
    if ICV_LENGTHS.contains(&length) { Ok(length as u8) } else { Err(Stop::invalid(&range, text)) }
}

/// Reads the number of an association.
///
/// # Errors
/// The tool's complaint.
pub fn association(text: &str) -> Result<u8, Stop> {
    let number = number(text, 0, LARGEST_ASSOCIATION);
    number.map(|number| number as u8).ok_or_else(|| Stop::invalid("expected an { 0..3 }", text))
}

/// A secure channel as it is named on a line: by its identifier, or by port and address.
#[derive(Clone, Copy, Default)]
pub struct Channel {
    /// The whole identifier.
    pub identifier: Option<u64>,
    /// The port.
    pub port: Option<u16>,
    /// The address.
    pub address: Option<[u8; 6]>,
}

impl Channel {
    /// Reads words until they name the channel as `complete` wants it. An `optional` channel ends at the first other
    /// word.
    ///
    /// # Errors
    /// The tool's complaint; none that the channel is not complete.
    pub fn parse(
        words: &mut Words<'_>,
        complete: fn(&Channel) -> bool,
        optional: bool,
    ) -> Result<Channel, Stop> {
        let mut channel = Channel::default();
        while let Some(typed) = words.peek().filter(|_| !complete(&channel)) {
            words.take();
            match typed {
                "sci" if channel.port.is_some() => return Err(Stop::invalid("expected address", typed)),
                "sci" if channel.address.is_some() => return Err(Stop::invalid("expected port", typed)),
                "sci" => {
                    let text = words.value()?;
                    let identifier = number(text, 16, u64::MAX);
                    channel.identifier = Some(identifier.ok_or_else(|| Stop::invalid("expected sci", text))?);
                }
                "port" => {
                    let text = words.value()?;
                    let port = number(text, 0, u64::from(u16::MAX));
                    match port.ok_or_else(|| Stop::invalid("expected port", text))? {
                        0 => return Err(Stop::invalid("expected port != 0", text)),
                        port => channel.port = Some(port as u16),
                    }
                }
                "address" => channel.address = Some(address(words.value()?)?),
                _ if optional => {
                    words.back();
                    break;
                }
                _ => return Err(Stop::invalid("expected sci, port, or address", typed)),
            }
        }
        Ok(channel)
    }

    /// The identifier; none if neither it nor both of its parts were given. Zero is no identifier.
    pub fn identifier(&self) -> Option<u64> {
        let [a, b, c, d, e, f] = self.address.unwrap_or_default();
        let made = self.port.zip(self.address).map(|(port, _)| {
            let [high, low] = port.to_be_bytes();
            u64::from_be_bytes([a, b, c, d, e, f, high, low])
        });
        self.identifier.or(made).filter(|identifier| *identifier != 0)
    }

    fn is_named(&self) -> bool {
        self.identifier.is_some() || self.port.is_some() || self.address.is_some()
    }
}

fn address(text: &str) -> Result<[u8; 6], Stop> {
    let bytes = lladdr::parse_within(text, 6).map_err(|stop| {
        let complaint = Stop::invalid("expected lladdr", text);
        Stop { error: stop.error + &complaint.error, ..complaint }
    })?;
    let mut address = [0; 6];
    address.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    Ok(address)
}

fn show_sci(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let Some(attr) = tb.get(IFLA_MACSEC_SCI) else { return };
    scene.sink.string("sci", "sci ", &format!("{:016x}", u64::from_be_bytes(attr.first())), " ");
}

/// The name of a cipher.
pub fn cipher_name(cipher: u64) -> &'static str {
    let known = CIPHERS.iter().find(|(words, number)| *number == cipher && words.len() > 1);
    match known {
        Some((words, _)) => words[1],
        None if cipher == MACSEC_DEFAULT_CIPHER_ID => "GCM-AES-128",
        None => "(unknown)",
    }
}

fn show_cipher(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let name = cipher_name(tb.u64(IFLA_MACSEC_CIPHER_SUITE).unwrap_or(0));
    scene.sink.string("cipher_suite", "cipher ", name, " ");
}

fn show_validation(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let place = usize::from(tb.u8(IFLA_MACSEC_VALIDATION).unwrap_or(0));
    scene.sink.string("validation", "validate ", VALIDATION.get(place).unwrap_or(&"(unknown)"), " ");
}

fn show_offload(scene: &mut Scene<'_>, tb: &Tb<'_>) {
    let place = usize::from(tb.u8(IFLA_MACSEC_OFFLOAD).unwrap_or(0));
    scene.sink.string("offload", "offload ", OFFLOAD.get(place).unwrap_or(&"(unknown)"), " ");
}
