//! What goes wrong: missing and wrong words, names that clash or do not exist, limits, wrong types.
//!
//! A line is what stands behind `ip`, or begins with `bridge`. In it `DEV` is a link that probably exists, `LOW` another
//! one of the same namespace (often the one that `DEV` stands on), `NEW` a new name, `MAC` a new address, `NS` a
//! namespace (or a missing one), `KIND` a link type.

use super::kinds::KINDS;
use super::world::World;

const LINES: &[&str] = &[
    // Missing words.
    "link add",
    "link add NEW",
    "link add NEW type",
    "link add type",
    "link set",
    "link set DEV mtu",
    "link del",
    "link set DEV master",
    "link set DEV name",
    "link set DEV address",
    "link set DEV netns",
    "link set DEV type",
    "link show dev",
    "link show type",
    "link show master",
    "link add link",
    "link add link LOW name NEW type vlan",
    "link property",
    "link property add dev DEV",
    "link property add dev DEV altname",
    "link property del altname x",
    "link set DEV",
    "link set dev DEV",
    "link set up",
    "link set mtu 1400",
    "link set dev",
    "link set DEV alias",
    // Garbage.
    "link frobnicate",
    "link add NEW address MAC type nosuch",
    "link add NEW address MAC type dummy nonsense",
    "link add NEW nonsense address MAC type dummy",
    "link set DEV nonsense",
    "link set DEV up nonsense",
    "link show DEV nonsense",
    "link del DEV nonsense",
    "link set DEV mtu x",
    "link set DEV mtu -1",
    "link set DEV mtu 4294967296",
    "link set DEV txqueuelen x",
    "link set DEV txqueuelen -1",
    "link set DEV group nosuch",
    "link set DEV address nope",
    "link set DEV address 02:00:00:00:00",
    "link set DEV address 02:00:00:00:00:00:01",
    "link set DEV promisc maybe",
    "link set DEV arp",
    "link set DEV carrier",
    "link set DEV carrier maybe",
    "link set DEV addrgenmode nope",
    "link set DEV state nope",
    "link set DEV mode nope",
    "-n nosuch link",
    "-n nosuch link set DEV up",
    "-nonsense link",
    "link show group nosuch",
    "link set DEV vf 0 mac MAC",
    "link set DEV index 77",
    "link set DEV gso_max_size x",
    "link set DEV protodown maybe",
    // Names that do not exist or clash.
    "link set nope up",
    "link del nope",
    "link show nope",
    "link show dev nope",
    "link set DEV master nope",
    "link set DEV netns nope",
    "link add link nope name NEW address MAC type vlan id 5",
    "link show master nope",
    "link add DEV address MAC type dummy",
    "link set DEV name LOW",
    "link set DEV name DEV",
    "link add name DEV address MAC type bridge",
    "link add NEW address MAC type veth peer name DEV address MAC",
    "link add NEW address MAC type veth peer name NEW address MAC",
    "link property add dev nope altname NEW",
    "link property add dev DEV altname LOW",
    "link add NEW index 1 address MAC type dummy",
    "link add NEW index 0 address MAC type dummy",
    "link add NEW index -1 address MAC type dummy",
    "link add NEW index 3 address MAC type dummy",
    "link add NEW index x address MAC type dummy",
    "link add NEW index 70 address MAC type veth peer name NEWx index 71 address MAC",
    "link add NEW index 72 address MAC type veth peer name NEWx index 72 address MAC",
    // Names that cannot be, or that the kernel makes up.
    "link add a-name-of-16-chr address MAC type dummy",
    "link set DEV name a-name-of-16-chr",
    "link add name a/b address MAC type dummy",
    "link add name a:b address MAC type dummy",
    "link add name . address MAC type dummy",
    "link set DEV name a/b",
    "link add name '' address MAC type dummy",
    "link add name 'a b' address MAC type dummy",
    "link add name du%d address MAC type dummy",
    "link set DEV name rn%d",
    "link add name x%s address MAC type dummy",
    "link add address MAC type dummy",
    "link add address MAC type bridge",
    "link add address MAC type ifb",
    "link add address MAC type bond",
    "link add address MAC type team",
    "link add address MAC type veth peer address MAC",
    "link add link LOW address MAC type vlan id 77",
    "link add link LOW address MAC type macvlan mode bridge",
    "link add link LOW address MAC type macvtap mode vepa",
    "link add NEW address MAC type veth peer address MAC",
    "link add dev NEW name NEWy address MAC type dummy",
    // Limits.
    "link add NEW address 01:00:5e:00:00:01 type dummy",
    "link add NEW address 00:00:00:00:00:00 type bridge",
    "link add NEW mtu 0 address MAC type dummy",
    "link add NEW mtu 67 address MAC type bridge",
    "link add NEW mtu 67 address MAC type bond",
    "link add NEW mtu 65536 address MAC type bond",
    "link add NEW mtu 65536 address MAC type team",
    "link add NEW address 01:00:5e:00:00:01 type bond",
    "link add NEW address 01:00:5e:00:00:01 type team",
    "link add NEW mtu 65536 address MAC type veth peer address MAC",
    "link set DEV mtu 0",
    "link set DEV mtu 65536",
    "link set DEV mtu 2147483647",
    "link add NEW txqueuelen -1 address MAC type dummy",
    "link add NEW numtxqueues 0 address MAC type dummy",
    "link add NEW numtxqueues 5000 address MAC type dummy",
    "link set DEV group 4294967295",
    "link set DEV gso_max_size 65537",
    "link set DEV gso_max_segs 65536",
    "link add link LOW name NEW type vlan id 4096",
    "link add link LOW name NEW type vlan id -1",
    "link add link LOW name NEW type vlan id 5 egress-qos-map 1",
    "link add link LOW name NEW type vlan protocol x id 5",
    "link add link LOW name NEW mtu 9999 type vlan id 6",
    "link add link LOW name NEW address MAC mtu 9999 type macvlan",
    "link add link LOW name NEW address MAC type macvlan mode nope",
    "link add NEW address MAC type macvlan mode bridge",
    "link add NEW address MAC type vlan id 5",
    "link add NEW address MAC type bridge nonsense 1",
    // Wrong types and masters.
    "link set DEV type nosuch",
    "link set DEV type KIND",
    "link set DEV type vlan id 7",
    "link set DEV type bridge ageing_time 4",
    "link set DEV master LOW",
    "link set DEV master DEV",
    "link set lo master DEV",
    "link del lo",
    "link set lo name NEW",
    "link set lo netns NS",
    "link set lo address MAC",
    "link set lo mtu 1000",
    "link set lo promisc on",
    "link set lo up",
    "link set lo down",
    "link del DEV type KIND",
    "link add NEW address MAC master LOW type dummy",
    "link add link LOW name NEW address MAC type dummy",
    "link set DEV link LOW",
    "link set DEV nomaster",
    "link set DEV down nomaster up",
    "link add NEW address MAC up type dummy",
    "link add NEW address MAC arp off type dummy",
    "link add NEW address MAC promisc on multicast off type dummy",
    "link add NEW address MAC alias 'said at once' type dummy",
    // Namespaces.
    "netns add NS",
    "netns add a/b",
    "netns add",
    "netns del",
    "netns del nope",
    "netns nonsense",
    "netns exec",
    "netns exec NS",
    "netns exec nope ip link",
    "netns set NS",
    "netns set NS -5",
    "netns set NS 3",
    "netns identify x",
    "netns list-id nsid x",
    "netns list-id nonsense",
    "netns pids nope",
    "link set DEV netns NS name LOW",
    "link add link LOW name NEW netns NS type vlan id 8",
    "link add link LOW link-netns NS name NEW type vlan id 9",
    "link add link LOW link-netnsid 0 name NEW type vlan id 10",
    "link add link LOW link-netnsid 9 name NEW type vlan id 10",
    "link add NEW link-netns nope address MAC type dummy",
    "link add NEW netns nope address MAC type dummy",
    "link add NEW netns NS address MAC type dummy",
    "link set DEV link-netnsid 0",
    // Help that is the same everywhere.
    "link add type vlan help",
    "link add type macvlan help",
    "link add type bridge help",
    "link add type veth help",
    "link set type bridge_slave help",
    "netns help",
];

impl World {
    /// One command that most likely goes wrong.
    pub(super) fn trouble(&mut self) {
        let line = self.rng.word(LINES);
        let space = self.some_space();
        let dev = self.some_link(|l| l.space == space);
        self.say(line, space, dev);
    }

    /// One of the commands that a kind has of its own, about a link or a port of it.
    pub(super) fn own_command(&mut self) {
        if self.rng.chance(35) && self.port_command() {
            return;
        }
        let Some(link) = self.some_link(|l| !l.kind.commands.is_empty()) else { return };
        let line = self.rng.word(link.kind.commands);
        self.say(line, link.space, Some(link));
    }

    /// A command about a port; false if there is no port that has any.
    fn port_command(&mut self) -> bool {
        let Some(port) = self.some_link(|l| l.master.is_some()) else { return false };
        let master = port.master.as_deref().and_then(|name| self.find(name));
        let lines = master.map_or(&[][..], |master| master.kind.port_commands);
        if !lines.is_empty() {
            let line = self.rng.word(lines);
            self.say(line, port.space, Some(port));
        }
        !lines.is_empty()
    }

    /// Says a line about a link and another one of the same namespace.
    pub(super) fn say(&mut self, line: &str, space: usize, dev: Option<super::Link>) {
        let own = dev.as_ref().and_then(|dev| dev.lower.clone()).filter(|_| self.rng.chance(60));
        let own = own.and_then(|lower| self.find(&lower)).filter(|lower| lower.space == space);
        let low = own.or_else(|| self.some_link(|l| l.space == space));
        let name_of = |link: &Option<super::Link>| link.as_ref().map_or("lo".to_string(), |l| l.name.clone());
        let (dev_name, low_name) = (name_of(&dev), name_of(&low));
        if !self.is_harmless(line, dev.as_ref(), low.as_ref()) || !self.is_orderly(line, dev.as_ref()) {
            return;
        }
        if line.contains("show") {
            self.settle();
        }
        let kind = self.rng.place(KINDS.len()).map_or("", |i| KINDS[i].name);
        let netns = self.named_space().map_or("nope".to_string(), |(_, name)| name);
        let new = if line.contains("NEW") { self.new_name("nw") } else { String::new() };
        let mut command = line.replace("DEV", &dev_name).replace("LOW", &low_name);
        command = command.replace("NEW", &new).replace("KIND", kind).replace("NS", &netns);
        while command.contains("MAC") {
            let mac = self.rng.mac();
            command = command.replacen("MAC", &mac, 1);
        }
        let (tool, words) = match command.strip_prefix("bridge ") {
            Some(words) => (self.tool("bridge", space), words),
            // Words of the netns command are said in the first namespace only.
            None if line.starts_with("netns") => ("ip".to_string(), command.as_str()),
            None => (self.ip(space), command.as_str()),
        };
        self.emit(format!("{tool} {words}"));
        let may_go = ["master", "down", "del", "netns"].iter().any(|word| line.contains(word));
        for name in [dev_name, low_name] {
            if may_go {
                self.carrier_may_go(&name);
            } else {
                self.let_watchers_see(&name);
            }
        }
    }

    /// Some lines succeed, and then the rules for scenarios must hold as well.
    fn is_harmless(&mut self, line: &str, dev: Option<&super::Link>, low: Option<&super::Link>) -> bool {
        let new = line.contains("NEW") && ["dummy", "nlmon"].iter().any(|kind| line.ends_with(kind));
        if new || line == "link set lo master DEV" {
            // A port that leads nowhere.
            return true;
        }
        if line.ends_with("master LOW") || line.contains("master LOW ") {
            // Only what cannot be a bridge may be named here: the forest of bridges is kept elsewhere.
            return low.is_some_and(|l| !l.kind.forwards());
        }
        if line.contains("master DEV") {
            return dev.is_some_and(|l| !l.kind.forwards());
        }
        if line.contains("dormant") && [dev, low].into_iter().flatten().any(super::Link::is_nic) {
            // The NIC outlives the scenario, and this could not be undone.
            return false;
        }
        let sends = ["netns", "bridge", "addr add", "addr replace"];
        !self.counted || !sends.iter().any(|word| line.contains(word))
    }

    /// Whether the order of what the line lists is known, or forgiven by the name of what is listed.
    fn is_orderly(&self, line: &str, dev: Option<&super::Link>) -> bool {
        let Some(dev) = dev.filter(|_| line.contains("fdb show")) else { return true };
        let by_chance = |link: &super::Link| link.kind.lists_by_chance;
        if line.contains("dev DEV") {
            return !by_chance(dev) || dev.name.starts_with(dev.kind.stem);
        }
        !by_chance(dev) && !self.links.iter().any(|l| by_chance(l) && l.master.as_ref() == Some(&dev.name))
    }
}
