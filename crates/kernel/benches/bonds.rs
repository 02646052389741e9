//! Bonds of the embedded kernel on one core: what the bond is given to send goes through two slaves to their cables.
//! Items are frames of 64 bytes, copied in from the sender's memory and out to the receiver's.

mod lab;

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use kernel::Instant;
use kernel::run::{PortId, PortKind};
use lab::Lab;
use rtnl::kind::bond::*;
use rtnl::object::link::{IFF_UP, IFLA_ADDRESS, Ifinfo};
use std::hint::black_box;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// Frames that one sample sends.
const FRAMES: usize = 1 << 16;
/// Flows that they are of.
const FLOWS: u32 = 1000;
/// Frames in a batch.
const BATCH: usize = 64;

fn main() {
    divan::main();
}

/// UDP packets of so many flows, in frames of 64 bytes.
fn flows() -> Vec<Vec<u8>> {
    let head = |n: u32| {
        let [.., a, b] = n.to_be_bytes();
        let mut bytes = vec![2, 0x10, 0, 0, a, b, 2, 9, 0, 0, 0, 1, 8, 0];
        bytes.extend([0x45, 0, 0, 50, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 1, a, b]);
        bytes.extend([0x30 + a, b, 0x13, 0x88, 0, 30, 0, 0]);
        bytes.resize(64, 0);
        bytes
    };
    (0..FLOWS).map(head).collect()
}

/// A bond over two links; gives the ports of the bond and of the links' cables.
fn bond(mode: u8, policy: u8) -> (Lab, PortId, [PortId; 2]) {
    let mut lab = Lab::new();
    let slaves = [1, 2].map(|n| lab.cable(n).1);
    let bond = lab.add("bond", &|out| out.put(IFLA_ADDRESS, &[2, 9, 0, 0, 0, 1]), &|out| {
        out.u8(IFLA_BOND_MODE, mode);
        out.u8(IFLA_BOND_XMIT_HASH_POLICY, policy);
        out.u32(IFLA_BOND_MIIMON, 100);
    });
    for slave in slaves {
        lab.request(0, Ifinfo { ifindex: slave, change: IFF_UP, ..Ifinfo::default() }, &|_| ());
        lab.enslave(slave, bond);
    }
    lab.up(bond);
    let port = |lab: &mut Lab, index: i32, kind| {
        lab.kernel.attach_port(lab.netns, index as u32, kind).expect("a free link")
    };
    let input = port(&mut lab, bond, PortKind::Socket);
    let outputs = slaves.map(|slave| port(&mut lab, slave, PortKind::Wire));
    lab.kernel.advance(Instant(1_000_000));
    for output in outputs {
        lab.kernel.output(output, &mut |_| ());
    }
    (lab, input, outputs)
}

fn sent(bencher: Bencher<'_, '_>, mode: u8, policy: u8, copies: usize) {
    let (mut lab, input, outputs) = bond(mode, policy);
    let frames = flows();
    let mut at = 0;
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        let (mut came, mut memory) = (0, [0; 2048]);
        for _ in 0..FRAMES / BATCH {
            let mut group: [&[u8]; BATCH] = [&[]; BATCH];
            for place in &mut group {
                *place = &frames[at];
                at = if at + 1 == frames.len() { 0 } else { at + 1 };
            }
            lab.kernel.input(Instant(1_000_000), input, &group).expect("a port");
            for output in outputs {
                lab.kernel.output(output, &mut |bytes| {
                    came += 1;
                    memory[..bytes.len()].copy_from_slice(bytes);
                    black_box(&mut memory);
                });
            }
        }
        assert_eq!(came, FRAMES * copies);
    });
}

#[divan::bench]
fn active_backup_64(bencher: Bencher<'_, '_>) {
    sent(bencher, BOND_MODE_ACTIVEBACKUP, 0, 1);
}

#[divan::bench]
fn round_robin_64(bencher: Bencher<'_, '_>) {
    sent(bencher, BOND_MODE_ROUNDROBIN, 0, 1);
}

/// By the policies layer2, layer3+4, layer2+3, encap2+3, encap3+4 and vlan+srcmac.
#[divan::bench(args = [0, 1, 2, 3, 4, 5])]
fn xor_64(bencher: Bencher<'_, '_>, policy: u8) {
    sent(bencher, BOND_MODE_XOR, policy, 1);
}

/// Items are the frames that the bond is given; twice as many come out.
#[divan::bench]
fn broadcast_64(bencher: Bencher<'_, '_>) {
    sent(bencher, BOND_MODE_BROADCAST, 0, 2);
}

#[divan::bench]
fn tlb_64(bencher: Bencher<'_, '_>) {
    sent(bencher, BOND_MODE_TLB, 1, 1);
}

#[divan::bench]
fn alb_64(bencher: Bencher<'_, '_>) {
    sent(bencher, BOND_MODE_ALB, 0, 1);
}
