//! `netloom run --trace`: the story of each frame, behind the command that caused it.
//!
//! One line an event: the frame's number, where, what. A frame is described when it first appears and again when it
//! has changed. Copies are told under the frame that they were made of, further in. Frames that others cause (an
//! answer to a question) have stories of their own.
//!
//! ```text
//! #12 net1 veth1: sent 02:… > 02:… 802.1Q 11 IPv4 10.0.0.1 > 10.0.0.2 ICMP echo request 7, 1 98 bytes
//! #12 veth2: received
//!   #13 veth3: sent
//! ```

use crate::dissect_link::describe;
use crate::pcap::{Place, reason_name};
use kernel::run::{Deed, Drop, Sighting};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Events that are told of one command at most.
const EVENTS: usize = 1 << 16;
/// How far in copies of copies are told.
const DEPTH: usize = 8;

struct Event {
    number: u32,
    depth: usize,
    text: String,
}

/// What is known of a frame.
struct Known {
    /// The story that it belongs to.
    story: usize,
    depth: usize,
    /// How it was last described.
    bytes: Vec<u8>,
}

/// The stories that one command caused.
#[derive(Default)]
pub(crate) struct Stories {
    stories: Vec<Vec<Event>>,
    frames: BTreeMap<u32, Known>,
    events: usize,
    /// Events that were not kept.
    lost: u64,
}

impl Stories {
    /// Takes note of what happened to a frame.
    pub(crate) fn record(&mut self, sighting: &Sighting, place: Option<&Place>) {
        if self.events >= EVENTS {
            self.lost += 1;
            return;
        }
        self.events += 1;
        let (story, depth, described) = self.known(sighting);
        let mut text = match place {
            Some((netns, device)) if netns.is_empty() => format!("{device}: "),
            Some((netns, device)) => format!("{netns} {device}: "),
            None => String::new(),
        };
        text.push_str(match sighting.deed {
            Deed::Received => "received",
            Deed::Sent => "sent",
            Deed::Delivered | Deed::Dropped(Drop::Consumed) => "delivered to the host",
            Deed::Left => "left through the port",
            Deed::Dropped(_) => "dropped: ",
            Deed::Noted(what) => what,
        });
        if let Deed::Dropped(reason) = sighting.deed {
            if reason != Drop::Consumed {
                text.push_str(reason_name(reason));
            }
        }
        if !described {
            // Writing to a string does not fail.
            let _ = write!(text, " {}", describe(sighting.hardware, &sighting.bytes, true));
        }
        self.stories[story].push(Event { number: sighting.number, depth, text });
    }

    /// Events that the kernel did not keep.
    pub(crate) fn lose(&mut self, count: u64) {
        self.lost += count;
    }

    /// The story and depth of a frame, and whether its bytes were described as they are.
    fn known(&mut self, sighting: &Sighting) -> (usize, usize, bool) {
        if let Some(known) = self.frames.get_mut(&sighting.number) {
            let described = known.bytes == sighting.bytes;
            if !described {
                known.bytes.clone_from(&sighting.bytes);
            }
            return (known.story, known.depth, described);
        }
        let parent = self.frames.get(&sighting.parent);
        let (story, depth, described) = match parent {
            Some(parent) => (parent.story, (parent.depth + 1).min(DEPTH), parent.bytes == sighting.bytes),
            None => (self.stories.len(), 0, false),
        };
        if parent.is_none() {
            self.stories.push(Vec::new());
        }
        self.frames.insert(sighting.number, Known { story, depth, bytes: sighting.bytes.clone() });
        (story, depth, described)
    }

    /// Takes the stories as text; empty if there were none.
    pub(crate) fn take(&mut self) -> String {
        let told = std::mem::take(self);
        let mut text = String::new();
        for event in told.stories.iter().flatten() {
            let _ = writeln!(text, "{:1$}#{2} {3}", "", event.depth * 2, event.number, event.text);
        }
        if told.lost > 0 {
            let _ = writeln!(text, "… and {} more events", told.lost);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dissect::dissect;
    use kernel::Instant;

    fn sighting(number: u32, parent: u32, deed: Deed, bytes: &[u8]) -> Sighting {
        let (device, place, time) = (None, None, Instant(0));
        let hardware = rtnl::object::link::ARPHRD_ETHER;
        Sighting { number, parent, device, place, time, hardware, deed, bytes: bytes.to_vec() }
    }

    #[test]
    fn copies_are_told_under_their_frame_and_changes_again() {
        let mut frame = [2u8; 60];
        frame[12..14].copy_from_slice(&[0x88, 0xcc]);
        let mut stories = Stories::default();
        let (a, b) = (("".to_string(), "br0".to_string()), ("n".to_string(), "e".to_string()));
        stories.record(&sighting(1, 1, Deed::Received, &frame), Some(&a));
        stories.record(&sighting(3, 3, Deed::Sent, &frame), Some(&b));
        stories.record(&sighting(2, 1, Deed::Sent, &frame), Some(&b));
        stories.record(&sighting(2, 1, Deed::Dropped(Drop::NoPeer), &frame[..59]), None);
        let (line, cut) = (dissect(&frame), dissect(&frame[..59]));
        let want = format!(
            "#1 br0: received {line}\n  #2 n e: sent\n  #2 dropped: no peer {cut}\n#3 n e: sent {line}\n"
        );
        assert_eq!(stories.take(), want);
        assert_eq!(stories.take(), "");
    }
}
