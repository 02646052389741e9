//! Control plane of the embedded kernel on one core: links made, listed and deleted by requests in rtnetlink bytes,
//! as a client sends them, answers read. Items are links; the allocation columns give bytes a link.

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use kernel::{ClientId, Instant, Kernel, NetnsId};
use rtnl::attr::Builder;
use rtnl::message::{Header, Messages, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST};
use rtnl::object::link::*;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const LINKS: usize = 100_000;
const SPACES: usize = 1_000;
/// Links that go up with IPv6.
const RAISED: usize = 10_000;
/// When those have come to rest.
const REST: Instant = Instant(30_000_000);

fn main() {
    divan::main();
}

/// A kernel with open clients, one a namespace.
struct Rig {
    kernel: Kernel,
    clients: Vec<ClientId>,
}

impl Rig {
    fn new(spaces: usize) -> Rig {
        let mut kernel = Kernel::new(1);
        let open = |kernel: &mut Kernel, netns: NetnsId| kernel.open(netns).expect("room for a client");
        let clients = (0..spaces)
            .map(|_| {
                let netns = kernel.create_netns().expect("room for a namespace");
                open(&mut kernel, netns)
            })
            .collect();
        Rig { kernel, clients }
    }

    /// A rig with `LINKS` links, spread evenly.
    fn filled(spaces: usize) -> Rig {
        Rig::with(spaces, LINKS)
    }

    /// A rig with so many links, spread evenly.
    fn with(spaces: usize, links: usize) -> Rig {
        let mut rig = Rig::new(spaces);
        rig.send(&create_requests(spaces)[..links]);
        rig
    }

    /// Sends requests, each to the next client in turn, and reads every answer.
    fn send(&mut self, requests: &[Vec<u8>]) {
        let mut answer = Vec::new();
        for (at, request) in requests.iter().enumerate() {
            let client = self.clients[at % self.clients.len()];
            self.kernel.handle(Instant(0), client, request).expect("an open client");
            while self.kernel.receive(client, &mut answer) {
                let number = i32::from_ne_bytes(answer[16..20].try_into().expect("an acknowledgement"));
                assert_eq!(number, 0, "refused");
            }
        }
    }

    /// Lists the links of the first client's namespace; gives the bytes of the listing and the links in it.
    fn dump(&mut self) -> (usize, usize) {
        let request = message(RTM_GETLINK, NLM_F_DUMP, 0, |_| ());
        let client = self.clients[0];
        self.kernel.handle(Instant(0), client, &request).expect("an open client");
        let (mut bytes, mut links, mut piece) = (0, 0, Vec::new());
        while self.kernel.receive(client, &mut piece) {
            bytes += piece.len();
            links += Messages(&piece).filter(|message| message.header.kind == RTM_NEWLINK).count();
        }
        (bytes, links)
    }
}

fn message(kind: u16, flags: u16, ifindex: i32, attrs: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut out = Builder::new();
    let start = out.start(Header { kind, flags: NLM_F_REQUEST | flags, seq: 1, pid: 0 });
    Ifinfo { ifindex, ..Ifinfo::default() }.encode(&mut out);
    attrs(&mut out);
    out.finish(start);
    out.bytes
}

fn create_requests(spaces: usize) -> Vec<Vec<u8>> {
    let make = |n: usize| {
        message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, 0, |out| {
            out.string(IFLA_IFNAME, format!("d{}", n / spaces).as_bytes());
            let info = out.nest(IFLA_LINKINFO);
            out.string(IFLA_INFO_KIND, b"dummy");
            out.end(info);
        })
    };
    (0..LINKS).map(make).collect()
}

/// Pairs, both ends named; half as many as links.
fn pair_requests() -> Vec<Vec<u8>> {
    let make = |n: usize| {
        message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, 0, |out| {
            out.string(IFLA_IFNAME, format!("a{n}").as_bytes());
            let info = out.nest(IFLA_LINKINFO);
            out.string(IFLA_INFO_KIND, b"veth");
            let data = out.nest(IFLA_INFO_DATA);
            let peer = out.nest(rtnl::kind::veth::VETH_INFO_PEER);
            Ifinfo::default().encode(out);
            out.string(IFLA_IFNAME, format!("b{n}").as_bytes());
            out.end(peer);
            out.end(data);
            out.end(info);
        })
    };
    (0..LINKS / 2).map(make).collect()
}

fn delete_requests(spaces: usize) -> Vec<Vec<u8>> {
    let delete = |n: usize| {
        message(RTM_DELLINK, NLM_F_ACK, 0, |out| {
            out.string(IFLA_IFNAME, format!("d{}", n / spaces).as_bytes());
        })
    };
    (0..LINKS).map(delete).collect()
}

/// Requests that set links up or down, in the order in which they were made; the loopbacks have the first index.
fn state_requests(spaces: usize, up: bool) -> Vec<Vec<u8>> {
    let set = |n: usize| {
        let mut out = Builder::new();
        let header = Header { kind: RTM_NEWLINK, flags: NLM_F_REQUEST | NLM_F_ACK, seq: 1, pid: 0 };
        let start = out.start(header);
        let (ifindex, flags) = ((n / spaces) as i32 + 2, if up { IFF_UP } else { 0 });
        Ifinfo { ifindex, flags, change: IFF_UP, ..Ifinfo::default() }.encode(&mut out);
        out.finish(start);
        out.bytes
    };
    (0..RAISED).map(set).collect()
}

#[divan::bench(args = [1, SPACES], sample_count = 5)]
fn create(bencher: Bencher<'_, '_>, spaces: usize) {
    let requests = create_requests(spaces);
    bencher.counter(ItemsCount::new(LINKS)).with_inputs(|| Rig::new(spaces)).bench_local_values(|mut rig| {
        rig.send(&requests);
        rig
    });
}

#[divan::bench(args = [1, SPACES], sample_count = 5)]
fn delete(bencher: Bencher<'_, '_>, spaces: usize) {
    let requests = delete_requests(spaces);
    bencher.counter(ItemsCount::new(LINKS)).with_inputs(|| Rig::filled(spaces)).bench_local_values(
        |mut rig| {
            rig.send(&requests);
            rig
        },
    );
}

/// Links that go up, with IPv6, in one namespace or spread over many.
#[divan::bench(args = [1, SPACES], sample_count = 5)]
fn raise(bencher: Bencher<'_, '_>, spaces: usize) {
    let requests = state_requests(spaces, true);
    bencher.counter(ItemsCount::new(RAISED)).with_inputs(|| Rig::with(spaces, RAISED)).bench_local_values(
        |mut rig| {
            rig.send(&requests);
            rig
        },
    );
}

/// Links that were up until nothing happened any more, and go down.
#[divan::bench(args = [1, SPACES], sample_count = 5)]
fn lower(bencher: Bencher<'_, '_>, spaces: usize) {
    let [raise, requests] = [true, false].map(|up| state_requests(spaces, up));
    let raised = || {
        let mut rig = Rig::with(spaces, RAISED);
        rig.send(&raise);
        rig.kernel.advance(REST);
        rig
    };
    bencher.counter(ItemsCount::new(RAISED)).with_inputs(raised).bench_local_values(|mut rig| {
        rig.send(&requests);
        rig
    });
}

#[divan::bench(sample_count = 10)]
fn dump(bencher: Bencher<'_, '_>) {
    let mut rig = Rig::filled(1);
    bencher.counter(ItemsCount::new(LINKS)).bench_local(|| {
        let (bytes, links) = rig.dump();
        assert_eq!(links, LINKS + 1);
        bytes
    });
}

/// One request that changes one link among many.
#[divan::bench(args = [10, LINKS], sample_count = 5)]
fn change_one(bencher: Bencher<'_, '_>, links: usize) {
    let mut rig = Rig::new(1);
    rig.send(&create_requests(1)[..links]);
    let requests: Vec<_> =
        [1400u32, 1500].map(|mtu| message(RTM_NEWLINK, NLM_F_ACK, 5, |out| out.u32(IFLA_MTU, mtu))).into();
    bencher.counter(ItemsCount::new(requests.len())).bench_local(|| rig.send(&requests));
}

/// Pairs of veth; the items are links, two of each request.
#[divan::bench(sample_count = 5)]
fn create_pairs(bencher: Bencher<'_, '_>) {
    let requests = pair_requests();
    bencher.counter(ItemsCount::new(LINKS)).with_inputs(|| Rig::new(1)).bench_local_values(|mut rig| {
        rig.send(&requests);
        rig
    });
}

/// Namespaces made, each with its `lo`, and ended, beside many others; the items are namespaces.
#[divan::bench(args = [0, LINKS], sample_count = 5)]
fn namespaces(bencher: Bencher<'_, '_>, others: usize) {
    let mut rig = Rig::new(1);
    for _ in 0..others {
        rig.kernel.create_netns().expect("room for a namespace");
    }
    bencher.counter(ItemsCount::new(SPACES)).bench_local(|| {
        let made = (0..SPACES).map(|_| rig.kernel.create_netns().expect("room for a namespace"));
        for netns in made.collect::<Vec<_>>() {
            rig.kernel.destroy_netns(Instant(0), netns).expect("a namespace");
        }
    });
}

/// A kernel of its own with a few links in it; the item is the kernel.
#[divan::bench(args = [10])]
fn a_new_kernel(bencher: Bencher<'_, '_>, links: usize) {
    let requests = &create_requests(1)[..links];
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        let mut rig = Rig::new(1);
        rig.send(requests);
        rig
    });
}
