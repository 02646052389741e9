//! `netloom run --pcap DIR`: every device's frames in a file of its own, for Wireshark.
//!
//! A file is named `NAMESPACE-DEVICE.pcapng`, without the namespace for the one that commands begin in, and begins
//! when the device carries its first frame; what a device carries under another name or in another namespace goes to
//! another file. Each frame that a device received or sent is a packet; that it died, and why, and what else is known
//! of it are comments of its last packet. So packets wait until the kernel is at rest, and are then written.
//!
//! Files are opened only to append to them: as many devices as one likes need no more than one descriptor.

use crate::pcapng::{self, Direction, LinkType, Packet};
use crate::trouble::Trouble;
use kernel::run::{Deed, Drop, Sighting};
use rtnl::object::link::{ARPHRD_CAN, ARPHRD_NETLINK};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Bytes of a file that wait to be written at most.
const BUFFER: usize = 1 << 16;

/// A device, by the names of its namespace (empty: where commands begin) and of itself.
pub(crate) type Place = (String, String);

struct Capture {
    path: PathBuf,
    buffer: Vec<u8>,
    begun: bool,
}

/// The files of a directory.
pub(crate) struct Captures {
    directory: PathBuf,
    files: BTreeMap<Place, Capture>,
    paths: BTreeSet<PathBuf>,
    /// Packets of frames that are still on their way.
    waiting: Vec<(Place, LinkType, Packet)>,
    /// Which of them is the last of a frame.
    last: BTreeMap<u32, usize>,
    trouble: Option<Trouble>,
}

impl Captures {
    /// Files in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(directory: &Path) -> Result<Captures, Trouble> {
        let name = directory.display().to_string();
        edge::system::make_directory(directory)
            .map_err(|e| Trouble::file(&name, format!("this directory cannot be made: {e}")))?;
        Ok(Captures {
            directory: directory.into(),
            files: BTreeMap::new(),
            paths: BTreeSet::new(),
            waiting: Vec::new(),
            last: BTreeMap::new(),
            trouble: None,
        })
    }

    /// Takes note of what happened to a frame; `origin` is the time of day at which the kernel's time began.
    pub(crate) fn record(&mut self, sighting: &Sighting, place: Option<&Place>, origin: u64) {
        let (direction, comment) = match sighting.deed {
            Deed::Received => (Some(Direction::In), None),
            Deed::Sent => (Some(Direction::Out), None),
            Deed::Delivered | Deed::Left | Deed::Dropped(Drop::Consumed) => return,
            Deed::Dropped(reason) => (None, Some(format!("dropped: {}", reason_name(reason)))),
            Deed::Noted(what) => (None, Some(what.to_string())),
        };
        let known = self.last.get(&sighting.number).copied();
        if let (Some(comment), Some(waiting)) = (&comment, known.and_then(|at| self.waiting.get_mut(at))) {
            let elsewhere = place.filter(|place| **place != waiting.0);
            waiting.2.comments.push(match elsewhere {
                Some((netns, device)) if netns.is_empty() => format!("{device}: {comment}"),
                Some((netns, device)) => format!("{device} in {netns}: {comment}"),
                None => comment.clone(),
            });
            return;
        }
        // A frame that died before any device had it is shown at the device where it died.
        let Some(place) = place else { return };
        let packet = Packet {
            time: origin.saturating_add(sighting.time.0),
            direction: direction.unwrap_or(Direction::Out),
            bytes: sighting.bytes.clone(),
            comments: comment.into_iter().collect(),
        };
        self.last.insert(sighting.number, self.waiting.len());
        self.waiting.push((place.clone(), link_type(sighting.hardware), packet));
    }

    /// Writes what waited; to be called when the kernel is at rest.
    pub(crate) fn write(&mut self) {
        self.last.clear();
        for (place, link, packet) in std::mem::take(&mut self.waiting) {
            let capture = self.capture(&place, link);
            pcapng::packet(&mut capture.buffer, &packet);
            if capture.buffer.len() >= BUFFER {
                let trouble = capture.flush().err();
                self.trouble = self.trouble.take().or(trouble);
            }
        }
    }

    /// Writes everything.
    ///
    /// # Errors
    /// The first trouble that writing met.
    pub(crate) fn finish(&mut self) -> Result<(), Trouble> {
        self.write();
        for capture in self.files.values_mut() {
            let trouble = capture.flush().err();
            self.trouble = self.trouble.take().or(trouble);
        }
        self.trouble.take().map_or(Ok(()), Err)
    }

    fn capture(&mut self, place: &Place, link: LinkType) -> &mut Capture {
        let (directory, paths) = (&self.directory, &mut self.paths);
        self.files.entry(place.clone()).or_insert_with(|| {
            let path = free_path(directory, place, paths);
            paths.insert(path.clone());
            let (netns, device) = place;
            let description = match netns.as_str() {
                "" => format!("{device} where the commands begin"),
                netns => format!("{device} in namespace {netns}"),
            };
            Capture { path, buffer: pcapng::head(device, &description, link), begun: false }
        })
    }
}

/// What the packets of a device with that hardware begin with.
fn link_type(hardware: u16) -> LinkType {
    match hardware {
        ARPHRD_CAN => LinkType::SocketCan,
        ARPHRD_NETLINK => LinkType::Netlink,
        _ => LinkType::Ethernet,
    }
}

impl Capture {
    fn flush(&mut self) -> Result<(), Trouble> {
        let buffer = std::mem::take(&mut self.buffer);
        let written = match self.begun {
            false => edge::system::write_file(&self.path, &buffer),
            true => edge::system::append_file(&self.path, &buffer),
        };
        self.begun = true;
        written.map_err(|e| {
            Trouble::file(&self.path.display().to_string(), format!("it cannot be written: {e}"))
        })
    }
}

/// The name of a reason.
pub(crate) fn reason_name(reason: Drop) -> &'static str {
    kernel::run::DROPS.get(reason as usize).map_or("unknown", |row| row.1)
}

/// A file's path that no other device has: names may be of a kind that makes two devices' paths the same.
fn free_path(directory: &Path, (netns, device): &Place, taken: &BTreeSet<PathBuf>) -> PathBuf {
    let plain = |name: &str| name.replace(['/', '\\', '\0'], "_");
    let stem = match netns.as_str() {
        "" => plain(device),
        netns => format!("{}-{}", plain(netns), plain(device)),
    };
    let mut path = directory.join(format!("{stem}.pcapng"));
    for number in 2..=taken.len() + 2 {
        if !taken.contains(&path) {
            break;
        }
        path = directory.join(format!("{stem}~{number}.pcapng"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_do_not_collide() {
        let directory = Path::new("d");
        let mut taken = BTreeSet::new();
        for (netns, device, want) in
            [("a", "b", "d/a-b.pcapng"), ("", "a-b", "d/a-b~2.pcapng"), ("", "c", "d/c.pcapng")]
        {
            let path = free_path(directory, &(netns.into(), device.into()), &taken);
            assert_eq!(path, Path::new(want));
            taken.insert(path);
        }
    }
}
