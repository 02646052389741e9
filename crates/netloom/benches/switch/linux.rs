//! veth → bridge → veth on this machine's Linux, in a network namespace of its own that ends with the thread.

use crate::traffic::pairs;
use edge::netlink::Netlink;
use edge::packet::Packets;
use rtnl::attr::Builder;
use rtnl::client::Client;
use rtnl::message::Messages;
use rtnl::object::link::{IFLA_STATS64, Ifinfo, RTM_GETLINK};
use std::cell::RefCell;
use std::process::Command;
use std::time::{Duration, Instant};

/// The namespace's set-up: the outer ends are `left` and `right`.
const SETUP: &[&str] = &[
    "link add name br0 type bridge",
    "link add name left index 100 type veth peer name left1",
    "link add name right index 200 type veth peer name right1",
    "link set left1 master br0",
    "link set right1 master br0",
    "link set left addrgenmode none up",
    "link set right addrgenmode none up",
    "link set left1 addrgenmode none up",
    "link set right1 addrgenmode none up",
    "link set br0 addrgenmode none up",
];
const LEFT: u32 = 100;
const RIGHT: u32 = 200;
/// Where `rx_packets` stands in `IFLA_STATS64`.
const RX_PACKETS: std::ops::Range<usize> = 0..8;

pub(crate) struct Switch {
    left: Packets,
    right: Packets,
    channel: RefCell<Netlink>,
}

impl Switch {
    /// Moves the calling thread to a new network namespace and makes the switch there.
    pub(crate) fn new() -> Result<Switch, String> {
        edge::netns::isolate().map_err(|errno| format!("no network namespace of its own: {errno}"))?;
        for words in SETUP {
            let mut ip = Command::new(env!("CARGO_BIN_EXE_netloom"));
            let status = ip.args(["--on", "linux", "ip"]).args(words.split(' ')).status();
            if !status.is_ok_and(|status| status.success()) {
                return Err(format!("ip {words} failed"));
            }
        }
        let open = |ifindex| Packets::open(ifindex).map_err(|errno| format!("no packet socket: {errno}"));
        let channel = Netlink::open().map_err(|errno| format!("no channel: {errno}"))?;
        Ok(Switch { left: open(LEFT)?, right: open(RIGHT)?, channel: RefCell::new(channel) })
    }

    /// Waits until the bridge's ports forward, which they do a while after their carrier came, and has the bridge hear
    /// of every host on either side.
    pub(crate) fn learn(&self, count: u32) {
        let (there, back) = pairs(count, 64);
        let patience = Instant::now() + Duration::from_secs(5);
        let before = self.came_out();
        while self.came_out() == before {
            assert!(Instant::now() < patience, "the bridge forwards nothing");
            self.left.send(&[&there[0]]).expect("a frame");
            std::thread::sleep(Duration::from_millis(10));
        }
        for (side, frames) in [(&self.right, back), (&self.left, there)] {
            let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
            side.send(&frames).expect("frames");
        }
    }

    /// Sends frames into one end and waits until they came out at the other. Never are more of them on the way than
    /// Linux's backlog holds, or it would drop some.
    pub(crate) fn pass(&self, frames: &[&[u8]]) {
        let mut target = self.came_out();
        for group in frames.chunks(512) {
            target += group.len() as u64;
            let taken = self.left.send(group).expect("frames");
            assert_eq!(taken, group.len(), "Linux did not take all frames");
            let patience = Instant::now() + Duration::from_secs(5);
            while self.came_out() < target {
                assert!(Instant::now() < patience, "Linux lost {} frames", target - self.came_out());
            }
        }
    }

    /// Frames that came out at the other end so far.
    fn came_out(&self) -> u64 {
        let mut body = Builder::new();
        Ifinfo { ifindex: RIGHT as i32, ..Ifinfo::default() }.encode(&mut body);
        let mut channel = self.channel.borrow_mut();
        let answer = Client::new(&mut *channel).ask(RTM_GETLINK, 0, &body.bytes).expect("the link");
        let message = Messages(&answer).next().expect("a message");
        let stats = message.attrs(16).find(IFLA_STATS64).expect("counters");
        u64::from_ne_bytes(stats.payload[RX_PACKETS].try_into().expect("eight bytes"))
    }
}
