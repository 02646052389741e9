//! The data plane of the embedded kernel on one core, exact counters, learning on. Items are frames, from a port's
//! input to another port's output, copied in from the sender's memory and out to the receiver's. `ring_hop` is what
//! the machine does with the same frames and no kernel between. All ratios are to be read within one run.

mod lab;

use divan::{Bencher, counter::ItemsCount};
use kernel::Instant;
use kernel::run::PortKind;
use lab::{Attrs, Lab, frame, learned, pairs, pump};
use rtnl::attr::Builder;
use rtnl::kind::{macvlan, vlan};
use rtnl::object::link::*;
use std::collections::VecDeque;
use std::hint::black_box;

/// Frames that one sample sends.
const FRAMES: usize = 1 << 16;

fn main() {
    divan::main();
}

fn bridged(bencher: Bencher<'_, '_>, count: u32, size: usize, filtering: bool, batch: usize) {
    let (mut lab, ports, there) = learned(count, size, filtering);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        assert_eq!(pump(&mut lab.kernel, ports[0], ports[1], &there, FRAMES, batch), FRAMES);
    });
}

/// The machine's own limit: the same frames in the same batches, copied from the sender's memory into a ring of
/// buffers, their places queued, and copied out to the receiver's memory.
#[divan::bench(args = [64, 1500])]
fn ring_hop(bencher: Bencher<'_, '_>, size: usize) {
    let (frames, _) = pairs(1000, size);
    let mut ring = vec![[0u8; 1984]; 256];
    let mut queue = VecDeque::with_capacity(256);
    let mut memory = [0; 2048];
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let mut at = 0;
        for group in 0..FRAMES / 64 {
            for n in 0..64 {
                let slot = (group * 64 + n) % ring.len();
                let frame = black_box(frames[at].as_slice());
                ring[slot][128..128 + frame.len()].copy_from_slice(frame);
                queue.push_back((slot, frame.len()));
                at = if at + 1 == frames.len() { 0 } else { at + 1 };
            }
            while let Some((slot, length)) = queue.pop_front() {
                memory[..length].copy_from_slice(&ring[slot][128..128 + length]);
                black_box(&mut memory);
            }
        }
    });
}

#[divan::bench(args = [2, 1_000, 100_000])]
fn bridge_64(bencher: Bencher<'_, '_>, pairs: u32) {
    bridged(bencher, pairs, 64, false, 64);
}

#[divan::bench(args = [2, 1_000, 100_000])]
fn bridge_filtering_64(bencher: Bencher<'_, '_>, pairs: u32) {
    bridged(bencher, pairs, 64, true, 64);
}

#[divan::bench]
fn bridge_1500(bencher: Bencher<'_, '_>) {
    bridged(bencher, 1000, 1500, false, 64);
}

#[divan::bench(args = [1, 8, 64])]
fn bridge_batch(bencher: Bencher<'_, '_>, batch: usize) {
    bridged(bencher, 1000, 64, false, batch);
}

/// The bridge of `bridge_64` while links come, join the bridge, go up and die: one change to every so many frames,
/// which at this speed is more than 3,500 changes a second. Every frame must come out all the same.
#[divan::bench(args = [4096])]
fn bridge_64_under_changes(bencher: Bencher<'_, '_>, between: usize) {
    let (mut lab, ports, there) = learned(1000, 64, false);
    let (bridge, mut newest, mut step) = (lab.links, 0, 0);
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        for _ in 0..FRAMES / between {
            match step % 4 {
                0 => newest = lab.add("dummy", &|_| (), &|_| ()),
                1 => lab.enslave(newest, bridge),
                2 => lab.up(newest),
                _ => lab.ask(RTM_DELLINK, 0, Ifinfo { ifindex: newest, ..Ifinfo::default() }, &|_| ()),
            }
            step += 1;
            assert_eq!(pump(&mut lab.kernel, ports[0], ports[1], &there, between, 64), between);
        }
    });
}

/// Unknown addresses: a copy to each of 31 ports. Items are the copies.
#[divan::bench]
fn flood_32(bencher: Bencher<'_, '_>) {
    let mut lab = Lab::new();
    let ports = lab.bridge(32, false);
    let frames: Vec<Vec<u8>> = (0..1000).map(|n| frame(1, n + (1 << 20), 64, None)).collect();
    bencher.counter(ItemsCount::new(31 * 2048usize)).bench_local(|| {
        let mut came = 0;
        for group in frames.iter().cycle().take(2048).collect::<Vec<_>>().chunks(64) {
            let group: Vec<&[u8]> = group.iter().map(|frame| frame.as_slice()).collect();
            lab.kernel.input(Instant(0), ports[0], &group).expect("a port");
            ports.iter().for_each(|port| lab.kernel.output(*port, &mut |_| came += 1));
        }
        assert_eq!(came, 31 * 2048);
    });
}

/// A trunk, a vlan on it, a macvlan on that: frames come out at the macvlan.
#[divan::bench(args = [64, 1500])]
fn trunk_vlan_macvlan(bencher: Bencher<'_, '_>, size: usize) {
    let mut lab = Lab::new();
    let (input, trunk) = lab.cable(1);
    let on_trunk = |out: &mut Builder| out.u32(IFLA_LINK, trunk as u32);
    let vlan = lab.add("vlan", &on_trunk, &|out| out.u16(vlan::IFLA_VLAN_ID, 12));
    lab.up(vlan);
    let mut own = frame(7, 9, size, Some(12));
    own[..6].copy_from_slice(&[2, 9, 0, 0, 0, 1]);
    let on_vlan = |out: &mut Builder| {
        out.u32(IFLA_LINK, vlan as u32);
        out.put(IFLA_ADDRESS, &[2, 9, 0, 0, 0, 1]);
    };
    let bridge_mode = |out: &mut Builder| out.u32(macvlan::IFLA_MACVLAN_MODE, macvlan::MACVLAN_MODE_BRIDGE);
    let top = lab.add("macvlan", &on_vlan, &bridge_mode);
    lab.up(top);
    let output = lab.kernel.attach_port(lab.netns, top as u32, PortKind::Owner).expect("a free link");
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let frames = std::slice::from_ref(&own);
        assert_eq!(pump(&mut lab.kernel, input, output, frames, FRAMES, 64), FRAMES);
    });
}

/// A NIC, a vlan on it, a macvtap on that: frames come in by the NIC's cable and out at the macvtap's character device.
#[divan::bench(args = [64, 1500])]
fn nic_vlan_macvtap(bencher: Bencher<'_, '_>, size: usize) {
    let mut lab = Lab::new();
    let nic = lab.kernel.add_nic(lab.netns, "eth0", [2, 9, 0, 0, 0, 2]).expect("a free name");
    lab.up(nic as i32);
    let input = lab.kernel.attach_port(lab.netns, nic, PortKind::Wire).expect("a free link");
    let mut named = |kind: &str, name: &str, lower: u32, attrs: Attrs<'_>, data: Attrs<'_>| {
        let on_lower = |out: &mut Builder| {
            out.string(IFLA_IFNAME, name.as_bytes());
            out.u32(IFLA_LINK, lower);
            attrs(out);
        };
        lab.add(kind, &on_lower, data);
        let ifindex = lab.kernel.ifindex(lab.netns, name).expect("it was made");
        lab.up(ifindex as i32);
        ifindex
    };
    let vlan = named("vlan", "v", nic, &|_| (), &|out| out.u16(vlan::IFLA_VLAN_ID, 12));
    let mut own = frame(7, 9, size, Some(12));
    own[..6].copy_from_slice(&[2, 9, 0, 0, 0, 1]);
    let address = |out: &mut Builder| out.put(IFLA_ADDRESS, &[2, 9, 0, 0, 0, 1]);
    let bridge_mode = |out: &mut Builder| out.u32(macvlan::IFLA_MACVLAN_MODE, macvlan::MACVLAN_MODE_BRIDGE);
    let top = named("macvtap", "m", vlan, &address, &bridge_mode);
    let output = lab.kernel.attach_port(lab.netns, top, PortKind::Owner).expect("a free link");
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let frames = std::slice::from_ref(&own);
        assert_eq!(pump(&mut lab.kernel, input, output, frames, FRAMES, 64), FRAMES);
    });
}
