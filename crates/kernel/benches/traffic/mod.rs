//! Frames for benches, and how they are sent through a kernel.

use kernel::run::PortId;
use kernel::{Instant, Kernel};
use std::hint::black_box;

/// The EtherType of experiments (IEEE 802): what looks into packets on a real Linux lets such frames pass.
const EXPERIMENTAL: [u8; 2] = [0x88, 0xb5];

/// A frame between two hosts, by their numbers.
pub(crate) fn frame(from: u32, to: u32, size: usize, tag: Option<u16>) -> Vec<u8> {
    let mac = |n: u32| {
        let b = n.to_be_bytes();
        [2, 0x10, b[0], b[1], b[2], b[3]]
    };
    let mut bytes = [mac(to), mac(from)].concat();
    if let Some(vid) = tag {
        bytes.extend([0x81, 0, (vid >> 8) as u8, vid as u8]);
    }
    bytes.extend(EXPERIMENTAL);
    bytes.resize(size, 0);
    bytes
}

/// Frames from each of so many hosts to its partner on the other side, and back.
pub(crate) fn pairs(count: u32, size: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let there = (0..count).map(|n| frame(n, n + (1 << 24), size, None)).collect();
    let back = (0..count).map(|n| frame(n + (1 << 24), n, size, None)).collect();
    (there, back)
}

/// Sends so many of the frames in turn, in batches; gives how many came out into the receiver's memory.
pub(crate) fn pump(
    kernel: &mut Kernel,
    input: PortId,
    output: PortId,
    frames: &[Vec<u8>],
    count: usize,
    batch: usize,
) -> usize {
    pump_on(kernel, (input, output), frames, (count, batch), (&mut Instant(0), 0))
}

/// The same, each batch so many microseconds after the one before.
pub(crate) fn pump_on(
    kernel: &mut Kernel,
    (input, output): (PortId, PortId),
    frames: &[Vec<u8>],
    (count, batch): (usize, usize),
    (now, step): (&mut Instant, u64),
) -> usize {
    let mut came = 0;
    let mut memory = [0; 2048];
    let mut at = 0;
    let mut group: [&[u8]; 64] = [&[]; 64];
    for _ in 0..count / batch {
        for place in &mut group[..batch] {
            *place = &frames[at];
            at = if at + 1 == frames.len() { 0 } else { at + 1 };
        }
        now.0 += step;
        kernel.input(*now, input, &group[..batch]).expect("a port");
        kernel.output(output, &mut |bytes| {
            came += 1;
            memory[..bytes.len()].copy_from_slice(bytes);
            black_box(&mut memory);
        });
    }
    came
}
