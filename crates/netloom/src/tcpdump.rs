//! `tcpdump -i DEVICE … &`: a device's frames, printed behind each later command.
//!
//! The lines are ours, not those of the real tcpdump: the time of day, the device, which way, and the frame as
//! [`crate::dissect_link`] tells it. Left out: filters, and all options but these: `-i DEVICE` (`any` for all of the
//! namespace), `-c COUNT`, `-e` (Ethernet addresses too), and `-n`, `-l`, `-q`, `-t`, `-U`, of which only `-t` (no
//! time) changes anything.

use crate::dissect_link::describe;
use kernel::NetnsId;
use kernel::run::{Deed, Sighting};

/// How many may run at once.
pub(crate) const DUMPS: usize = 64;
const DAY: u64 = 86_400_000_000;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The device; none: all of the namespace.
    pub(crate) device: Option<String>,
    /// How many frames; none: no end.
    count: Option<u64>,
    addresses: bool,
    time: bool,
}

impl Wanted {
    /// Reads the words behind `tcpdump`.
    ///
    /// # Errors
    /// What to say of words that are not understood.
    pub(crate) fn parse(words: &[&str]) -> Result<Wanted, String> {
        let mut wanted = Wanted { device: None, count: None, addresses: false, time: true };
        let mut named = false;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty());
            let letters = letters.ok_or("filters are not built yet; leave them out")?;
            for (at, letter) in letters.char_indices() {
                match letter {
                    'e' => wanted.addresses = true,
                    't' => wanted.time = false,
                    'n' | 'l' | 'q' | 'U' => {}
                    'i' | 'c' => {
                        let rest = &letters[at + 1..];
                        let value = if rest.is_empty() { words.next().copied() } else { Some(rest) };
                        let value = value.ok_or(format!("option requires an argument -- '{letter}'"))?;
                        if letter == 'i' {
                            named = true;
                            wanted.device = Some(value.to_string()).filter(|device| device != "any");
                        } else {
                            let count = value.parse().ok().filter(|count| *count > 0);
                            wanted.count = Some(count.ok_or(format!("invalid packet count {value}"))?);
                        }
                        break;
                    }
                    other => return Err(format!("invalid option -- '{other}'")),
                }
            }
        }
        if named { Ok(wanted) } else { Err("name a device: -i DEVICE, or -i any".into()) }
    }
}

/// One that runs in the background.
pub(crate) struct Dump {
    netns: NetnsId,
    wanted: Wanted,
}

impl Dump {
    pub(crate) fn new(netns: NetnsId, wanted: Wanted) -> Dump {
        Dump { netns, wanted }
    }

    /// The line for what happened, if it is of this device and there are not enough; `origin` is the time of day at
    /// which the kernel's time began, in microseconds.
    pub(crate) fn line(&mut self, sighting: &Sighting, origin: u64) -> Option<String> {
        let way = match sighting.deed {
            Deed::Received => "in ",
            Deed::Sent => "out",
            _ => return None,
        };
        let (netns, name) = sighting.place?;
        let name = String::from_utf8_lossy(name.bytes());
        if netns != self.netns || self.wanted.device.as_ref().is_some_and(|device| *device != name) {
            return None;
        }
        if let Some(count) = &mut self.wanted.count {
            *count = count.checked_sub(1)?;
        }
        let time =
            if self.wanted.time { clock(origin.saturating_add(sighting.time.0)) } else { String::new() };
        Some(format!(
            "{time}{name} {way} {}\n",
            describe(sighting.hardware, &sighting.bytes, self.wanted.addresses)
        ))
    }

    /// Whether it has shown as many frames as it should.
    pub(crate) fn is_done(&self) -> bool {
        self.wanted.count == Some(0)
    }
}

/// The time of day, and a blank.
fn clock(micros: u64) -> String {
    let (seconds, micros) = (micros % DAY / 1_000_000, micros % 1_000_000);
    format!("{:02}:{:02}:{:02}.{micros:06} ", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wanted, String> {
        Wanted::parse(&line.split_whitespace().collect::<Vec<_>>())
    }

    #[test]
    fn reads_its_words() {
        let all = Wanted { device: Some("v".into()), count: Some(3), addresses: true, time: false };
        assert_eq!(parse("-enti v -c3"), Ok(all));
        assert_eq!(parse("-i any").map(|wanted| wanted.device), Ok(None));
        for (line, complaint) in [
            ("", "name a device"),
            ("-i", "requires an argument"),
            ("-i v -c x", "invalid packet count x"),
            ("-i v -c 0", "invalid packet count 0"),
            ("-i v -Z", "invalid option -- 'Z'"),
            ("-i v icmp", "filters are not built"),
            ("-i v -é", "invalid option"),
        ] {
            assert!(parse(line).unwrap_err().contains(complaint), "{line}");
        }
    }

    #[test]
    fn tells_the_time_of_day() {
        assert_eq!(clock(1_670_796_900_000_000 + 61_000_007), "22:16:01.000007 ");
    }
}
