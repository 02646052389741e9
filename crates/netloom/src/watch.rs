//! Those who watch frames: captures in files, stories, and `tcpdump` in the background.
//!
//! The kernel remembers what happens to frames only while somebody watches. It is asked whenever time has passed and
//! behind each command. Files are written at once; what is to be printed waits for the command's end, so that it
//! stands behind what the command itself prints.

use crate::console::Console;
use crate::machine::{BEGINNING, Machine};
use crate::pcap::{Captures, Place};
use crate::tcpdump::{DUMPS, Dump, Wanted};
use crate::trace::Stories;
use crate::trouble::Trouble;
use kernel::NetnsId;
use kernel::run::Sighting;
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of lines that wait to be printed at most.
const TEXT_MAX: usize = 1 << 24;

/// Who watches, and what waits to be told.
#[derive(Default)]
pub(crate) struct Watch {
    captures: Option<Captures>,
    stories: Option<Stories>,
    dumps: Vec<Dump>,
    text: String,
    /// Names of namespaces, kept because a name may be gone when its frames are told.
    names: BTreeMap<NetnsId, String>,
}

impl Watch {
    /// Whether anybody watches.
    pub(crate) fn is_on(&self) -> bool {
        self.captures.is_some() || self.stories.is_some() || !self.dumps.is_empty()
    }

    fn record(&mut self, sighting: &Sighting) {
        let place: Option<Place> = sighting.place.map(|(netns, name)| {
            let netns = self.names.get(&netns).cloned().unwrap_or_default();
            (netns, String::from_utf8_lossy(name.bytes()).into_owned())
        });
        if let Some(captures) = &mut self.captures {
            captures.record(sighting, place.as_ref(), BEGINNING);
        }
        if let Some(stories) = &mut self.stories {
            stories.record(sighting, place.as_ref());
        }
        for dump in &mut self.dumps {
            if let Some(line) = dump.line(sighting, BEGINNING).filter(|_| self.text.len() < TEXT_MAX) {
                self.text.push_str(&line);
            }
        }
    }
}

impl<C: Console> Machine<C> {
    /// Begins to write captures to a directory, to tell stories, or both.
    ///
    /// # Errors
    /// A directory that cannot be made.
    pub fn watch_frames(&mut self, captures: Option<&Path>, stories: bool) -> Result<(), Trouble> {
        self.watch.captures = captures.map(Captures::new).transpose()?;
        self.watch.stories = stories.then(Stories::default);
        let on = self.watch.is_on();
        self.kernel().0.watch(on);
        Ok(())
    }

    /// Hears of all that happened to frames.
    pub(crate) fn gather_frames(&mut self) {
        if !self.watch.is_on() {
            return;
        }
        let (mut kernel, _) = self.kernel();
        let (sightings, lost) = (kernel.sightings(), kernel.sightings_lost());
        drop(kernel);
        for (netns, _) in sightings.iter().filter_map(|sighting| sighting.place) {
            if let Some(name) = self.name_of(netns).map(String::from) {
                self.watch.names.insert(netns, name);
            }
        }
        for sighting in &sightings {
            self.watch.record(sighting);
        }
        if let Some(stories) = &mut self.watch.stories {
            stories.lose(lost);
        }
        if let Some(captures) = &mut self.watch.captures {
            captures.write();
        }
    }

    /// Prints what there is to tell of frames; to be called behind each command.
    pub(crate) fn tell_frames(&mut self) {
        self.gather_frames();
        if !self.watch.is_on() {
            return;
        }
        let stories = self.watch.stories.as_mut().map(Stories::take).unwrap_or_default();
        self.watch.dumps.retain(|dump| !dump.is_done());
        let on = self.watch.is_on();
        self.kernel().0.watch(on);
        let lines = std::mem::take(&mut self.watch.text);
        self.console.out(&stories);
        self.console.out(&lines);
    }

    /// Ends the captures.
    ///
    /// # Errors
    /// The first trouble that writing them met.
    pub fn end_captures(&mut self) -> Result<(), Trouble> {
        self.gather_frames();
        self.watch.captures.take().map_or(Ok(()), |mut captures| captures.finish())
    }

    /// Starts `tcpdump`, plain or behind `ip netns exec NAME`, in the background; none if these words are not that.
    pub(crate) fn run_dump(&mut self, words: &[String]) -> Option<i32> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (name, rest) = match *words {
            ["tcpdump", ref rest @ ..] => ("", rest),
            ["ip", "netns", "exec", name, "tcpdump", ref rest @ ..] => (name, rest),
            _ => return None,
        };
        let Some(netns) = self.netns_named(name) else {
            self.console
                .err(&format!("Cannot open network namespace \"{name}\": No such file or directory\n"));
            return Some(255);
        };
        Some(self.start_dump(netns, rest))
    }

    /// Starts `tcpdump` with these words in the background, in a namespace; gives its exit status if it ends at once.
    fn start_dump(&mut self, netns: NetnsId, words: &[&str]) -> i32 {
        let wanted = match Wanted::parse(words) {
            Ok(_) if self.watch.dumps.len() >= DUMPS => Err("too many run already".to_string()),
            wanted => wanted,
        };
        let wanted = wanted.and_then(|wanted| match &wanted.device {
            Some(device) if self.kernel().0.ifindex(netns, device).is_none() => {
                Err(format!("{device}: No such device exists"))
            }
            _ => Ok(wanted),
        });
        match wanted {
            Ok(wanted) => {
                // What happened before is not for this one.
                self.gather_frames();
                self.watch.dumps.push(Dump::new(netns, wanted));
                self.kernel().0.watch(true);
                0
            }
            Err(what) => {
                self.console.err(&format!("tcpdump: {what}\n"));
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::run::PortKind;

    /// A broadcast that comes in through a bridge's port and is flooded to two others, one of them down at its far end.
    fn flood(machine: &mut Machine<String>, before: &str) -> String {
        for line in [
            "ip netns add far",
            "ip link add br0 up type bridge",
            "ip link add p0 up master br0 type veth peer name e0 netns far",
            "ip link add p1 up master br0 type veth peer name e1 netns far",
            "ip link add p2 up master br0 type veth peer name e2 netns far",
            "ip -n far link set e0 up",
            "ip -n far link set e1 up",
            "ip -n far link set e2 up",
            before,
        ] {
            assert_eq!(machine.run_line(line), Ok(0), "{line}: {}", machine.console);
        }
        machine.pass(1_000_000);
        machine.tell_frames();
        machine.console.clear();
        let far = machine.netns_named("far").unwrap();
        let (mut kernel, now) = machine.kernel();
        let index = kernel.ifindex(far, "e0").unwrap();
        let port = kernel.attach_port(far, index, PortKind::Socket).unwrap();
        let mut frame = [0; 60];
        frame[..14].copy_from_slice(&[255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 0x88, 0xcc]);
        kernel.input(now, port, &[&frame]).unwrap();
        drop(kernel);
        machine.tell_frames();
        std::mem::take(&mut machine.console)
    }

    #[test]
    fn stories_tell_what_became_of_a_flood() {
        let mut machine = Machine::new(0, String::new()).unwrap();
        machine.watch_frames(None, true).unwrap();
        let text = flood(&mut machine, "true");
        let first = text.lines().next().unwrap();
        let want = "far e0: sent 02:00:00:00:00:09 > ff:ff:ff:ff:ff:ff LLDP 60 bytes";
        assert!(first.starts_with('#') && first.ends_with(want), "{text}");
        for place in ["p0: received", "p1: sent", "p2: sent", "far e1: received", "far e2: received"] {
            assert!(text.contains(place), "{place} is not in\n{text}");
        }
        assert_eq!(text.matches("LLDP").count(), 1, "{text}");
    }

    #[test]
    fn tcpdump_prints_the_frames_of_its_device() {
        let mut machine = Machine::new(0, String::new()).unwrap();
        // The links' own reports of groups may come before or behind it. Nine commands and a second went before.
        let text = flood(&mut machine, "ip netns exec far tcpdump -eni e1 &");
        let line = "22:15:01.900000 e1 in  02:00:00:00:00:09 > ff:ff:ff:ff:ff:ff LLDP 60 bytes\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(machine.run_line("tcpdump -i nothing &"), Ok(1));
        assert!(machine.console.starts_with("tcpdump: nothing: No such device exists\n"));
    }

    #[test]
    fn an_nlmon_shows_the_messages_of_its_namespace() {
        let directory = std::env::temp_dir().join(format!("netloom-netlink-{}", std::process::id()));
        let mut machine = Machine::new(0, String::new()).unwrap();
        machine.watch_frames(Some(&directory), false).unwrap();
        for line in [
            "ip netns add other",
            "ip link add nlmon0 up type nlmon",
            "tcpdump -ti nlmon0 &",
            "ip -n other -br link",
            "ip rule show pref 7",
            "ip link set nlmon0 down",
            "ip rule",
        ] {
            assert_eq!(machine.run_line(line), Ok(0), "{line}: {}", machine.console);
        }
        // What other namespaces say is not heard, and nothing is once it is down.
        let console = machine.console.clone();
        let told: Vec<&str> = console.lines().filter(|line| line.starts_with("nlmon0 out")).collect();
        assert_eq!(told[0], "nlmon0 out netlink route to kernel: RTM_GETRULE 28 flags 0x301 28 bytes");
        assert!(
            told.contains(&"nlmon0 out netlink route to user: NLMSG_DONE 20 flags 0x2 20 bytes"),
            "{told:?}"
        );
        let bytes = |line: &&str| line.rsplit(' ').nth(1).unwrap().parse::<u64>().unwrap();
        let (count, sum) = (told.len() as u64, told.iter().map(bytes).sum::<u64>());
        machine.console.clear();
        assert_eq!(machine.run_line("ip -s link show nlmon0"), Ok(0));
        let counters = machine.console.lines().nth(3).unwrap();
        let counters: Vec<u64> = counters.split_whitespace().map(|word| word.parse().unwrap()).collect();
        // The acknowledgement of the command that made it came before anybody watched.
        assert_eq!(counters[..2], [sum + 36, count + 1], "{told:?}");
        machine.end_captures().unwrap();
        let file = std::fs::read(directory.join("nlmon0.pcapng")).unwrap();
        let second = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
        assert_eq!(file[second + 8..second + 10], 253_u16.to_le_bytes());
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn candump_prints_what_comes_until_its_device_goes_down() {
        let mut machine = Machine::new(0, String::new()).unwrap();
        for line in [
            "ip netns add a",
            "ip link add c0 up type vxcan peer name c1 netns a",
            "ip -n a link set c1 up",
            "candump -x c0,100:700 &",
            "ip netns exec a candump -t z -n 2 c1 &",
            "ip netns exec a cansend c1 123#11",
            "cansend c0 12345678##0",
            "cansend c0 223#R",
            "ip link set c0 down",
            "ip link set c0 up",
            "ip netns exec a cansend c1 123#22",
        ] {
            assert_eq!(machine.run_line(line), Ok(0), "{line}: {}", machine.console);
        }
        let want = "  c0  RX - -  123   [1]  11\n (000.000000)  c1  123   [1]  11\n \
                    (000.100000)  c1  12345678  [00] \nread: Network is down\n";
        assert_eq!(machine.console, want);
    }

    #[test]
    fn captures_are_one_file_a_device() {
        let directory = std::env::temp_dir().join(format!("netloom-captures-{}", std::process::id()));
        let mut machine = Machine::new(0, String::new()).unwrap();
        machine.watch_frames(Some(&directory), false).unwrap();
        flood(&mut machine, "true");
        machine.end_captures().unwrap();
        for name in ["far-e0", "far-e1", "far-e2", "p0", "p1", "p2"] {
            let bytes = std::fs::read(directory.join(format!("{name}.pcapng"))).unwrap();
            assert_eq!(bytes[..4], [0x0a, 0x0d, 0x0d, 0x0a], "{name}");
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
