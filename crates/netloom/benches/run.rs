//! What a user waits for: the notes from process start to exit, a long file of commands, a long listing.

use divan::Bencher;
use divan::counter::ItemsCount;
use netloom::source::{Form, Source};
use netloom::{Machine, RunOptions, run};
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

/// Commands of the long file.
const COMMANDS: usize = 10_000;
/// Links of the long listing.
const LINKS: usize = 2_000;

fn main() {
    divan::main();
}

/// `netloom run examples/notes.txt`, from process start to exit.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn notes_as_a_process(bencher: Bencher<'_, '_>) {
    let notes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/notes.txt");
    bencher.bench_local(|| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_netloom"));
        let status = program.arg("run").arg(&notes).stdout(Stdio::null()).status();
        assert!(status.expect("the program").success());
    });
}

/// Half of the commands make a link, half set it up; one in a hundred lists one.
fn script() -> String {
    let command = |n: usize| match (n % 100, n % 2) {
        (99, _) => format!("ip -d link show d{}\n", n / 2),
        (_, 0) => format!("ip link add d{} type dummy\n", n / 2),
        _ => format!("ip link set d{} up\n", n / 2),
    };
    (0..COMMANDS).map(command).collect()
}

/// A file of ten thousand commands, in this process: read, run, the transcript written to memory.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn a_long_file(bencher: Bencher<'_, '_>) {
    let script = script();
    bencher.counter(ItemsCount::new(COMMANDS)).bench_local(|| {
        let input = Cursor::new(script.clone().into_bytes());
        let mut source = Source::new("long", input, Some(Form::Commands)).expect("a source");
        let mut out = Vec::new();
        let outcome = run(&mut source, &mut out, &RunOptions::default()).expect("it can be read");
        assert_eq!(outcome.status(), 0);
        out
    });
}

/// `ip` with these options over two thousand links, printed to memory.
#[divan::bench(args = ["ip link", "ip -d link", "ip -d -j link", "ip -br link"], sample_count = 20, sample_size = 1)]
fn a_long_listing(bencher: Bencher<'_, '_>, line: &str) {
    let mut machine = Machine::new(1, String::new()).expect("a machine");
    for n in 0..LINKS / 2 {
        for command in [
            format!("ip link add d{n} type dummy"),
            format!("ip link add link d{n} name v{n} type vlan id 5"),
        ] {
            assert_eq!(machine.run_line(&command).expect("a command"), 0);
        }
    }
    bencher.counter(ItemsCount::new(LINKS)).bench_local(|| {
        machine.console.clear();
        assert_eq!(machine.run_line(line).expect("a command"), 0);
        machine.console.len()
    });
}
