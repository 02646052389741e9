//! `cargo xtask oracle`: the real kernel as the judge of the embedded one.
//!
//! `generate` writes random scenarios (no kernel needed), `record` runs scenarios on the real kernel, `run`
//! does both and compares with `netloom run`, `minimise` shrinks what differs. `frames` is what `run` is, for frames:
//! random cases of links, ports and frames, compared with `netloom frames`. `peer` lets both kernels talk to each other.

mod boot;
mod chance;
mod compare;
mod compare_frames;
mod compare_ip;
mod compare_run;
mod frame_case;
mod frame_scene;
mod inside;
mod mask;
mod minimise;
mod netloom;
mod nic;
mod peer;
mod record;
mod requests;
mod scenario;
mod wire;
mod work;

use crate::args::{Args, Flag, number};
use crate::failure::{Context, Failure, Result};
use crate::generate::{Mix, scenario as random_scenario};
pub(crate) use boot::NIC_MAC;
use compare_run::{Plan, file_name};
pub(crate) use frame_case::{FrameCase, to_hex};
use netloom::Other;
use scenario::Scenario;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::ExitCode;

/// What can be typed.
pub(crate) const USAGE: &str = "\
usage: cargo xtask oracle run [--scenarios N] [--seed S] [MIX] [--netloom PROGRAM] [--kernels N] [--keep DIR]
       cargo xtask oracle frames [--cases N] [--seed S] [--netloom PROGRAM] [--kernels N] [--keep DIR]
       cargo xtask oracle ip [FILE|DIR...] [--requests] [--netloom PROGRAM] [--kernels N] [--keep DIR]
       cargo xtask oracle peer [--talk] [SCENE...]
       cargo xtask oracle record [--kernels N] OUTDIR FILE...
       cargo xtask oracle generate OUTDIR FIRST_SEED LAST_SEED [MIX | --frames]
       cargo xtask oracle minimise FILE [--netloom PROGRAM] [--boots N] [--keep DIR]

run       generates N random scenarios (20), runs them on a real Linux and on netloom, and compares
frames    generates N random frame cases (20): links, ports, and frames that are put in; sends them through both
ip        replays transcripts (tests/transcripts) on a real Linux with our `ip` and `bridge` there, and compares
          what they print with what Debian's printed; with --requests, what they send with what Debian's send
peer      plugs a real Linux into netloom's NICs and plays scenes (all of tests/peers): --talk prints every command
record    writes what a real Linux prints on scenarios or transcripts, or does with frame cases (.json)
generate  only writes random scenarios or frame cases; the same seed and MIX give the same file
minimise  shrinks a scenario or transcript on which the two differ

MIX is [--types KIND,KIND...] [--plain] [--odd PERCENT] [--layer3 PERCENT]
  --types        what links are made of (everything; a wrong kind is told what there is)
  --plain        only ordinary commands, the whole state at the end
  --odd PERCENT  how many commands are errors and rarely used words (30)
  --layer3 PERCENT  how many scenarios have addresses, routes, rules and neighbours as well (20)
--kernels N runs N real kernels beside one another; what takes its time in there is mostly waiting.

Exit status: 0 all equal, 1 something differs, 2 wrong usage, 3 no comparison could be made.
A real Linux needs the Debian packages user-mode-linux, kmod and iproute2, and no privileges.";

const FLAGS: &[Flag] = &[
    Flag { name: "scenarios", takes_value: true },
    Flag { name: "cases", takes_value: true },
    Flag { name: "frames", takes_value: false },
    Flag { name: "seed", takes_value: true },
    Flag { name: "types", takes_value: true },
    Flag { name: "odd", takes_value: true },
    Flag { name: "layer3", takes_value: true },
    Flag { name: "plain", takes_value: false },
    Flag { name: "netloom", takes_value: true },
    Flag { name: "got", takes_value: true },
    Flag { name: "keep", takes_value: true },
    Flag { name: "boots", takes_value: true },
    Flag { name: "kernels", takes_value: true },
    Flag { name: "talk", takes_value: false },
    Flag { name: "requests", takes_value: false },
    Flag { name: "help", takes_value: false },
];

/// Prints the usage because somebody asked for it.
pub(crate) fn help() -> Result<ExitCode> {
    println!("{USAGE}");
    Ok(ExitCode::SUCCESS)
}

/// Runs a subcommand of `oracle`.
pub(crate) fn main(words: &[String]) -> Result<ExitCode> {
    let Some((command, rest)) = words.split_first() else {
        return Err(Failure::usage(USAGE));
    };
    let args = Args::parse(rest, FLAGS)?;
    if args.has("help") {
        return help();
    }
    match command.as_str() {
        "run" => run(&args),
        "frames" => frames(&args),
        "ip" => ip(&args),
        "peer" => {
            let all_hold = peer::run(&args.positional, args.has("talk"))?;
            Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
        "record" => record_files(&args),
        "generate" => generate(&args),
        "minimise" | "minimize" => minimise_file(&args),
        // The parts that run inside the real kernel; nobody types these.
        "inside" => inside::run_queue(Path::new(word(&args, 0)?)).map(ExitCode::from),
        "scene" => inside::run_scene(Path::new(word(&args, 0)?), Path::new(word(&args, 1)?))
            .map(|()| ExitCode::SUCCESS),
        "peer-inside" => peer::serve(Path::new(word(&args, 0)?)).map(|()| ExitCode::SUCCESS),
        "help" | "--help" | "-h" => help(),
        other => Err(Failure::usage(format!("no such subcommand: {other}\n{USAGE}"))),
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    args.no_positional()?;
    let plan = Plan {
        seed: args.number("seed", fresh_seed())?,
        scenarios: args.number("scenarios", 20)?,
        kernels: args.number("kernels", 1)?,
        mix: mix(args)?,
        other: other(args)?,
        keep: args.value("keep").map(Into::into),
    };
    Ok(if compare_run::run(&plan)? { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn frames(args: &Args) -> Result<ExitCode> {
    args.no_positional()?;
    let plan = compare_frames::Plan {
        seed: args.number("seed", fresh_seed())?,
        cases: args.number("cases", 20)?,
        kernels: args.number("kernels", 1)?,
        other: other(args)?,
        keep: args.value("keep").map(Into::into),
    };
    Ok(if compare_frames::run(&plan)? { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn ip(args: &Args) -> Result<ExitCode> {
    let plan = compare_ip::Plan {
        files: args.positional.iter().map(Into::into).collect(),
        netloom: netloom::program(args.value("netloom"))?,
        kernels: args.number("kernels", 4)?,
        requests: args.has("requests"),
        keep: args.value("keep").map(Into::into),
    };
    Ok(if compare_ip::run(&plan)? { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// A process-random hash is as good a fresh seed as any; five digits make handy names.
fn fresh_seed() -> u64 {
    RandomState::new().hash_one(std::process::id()) % 100_000
}

fn record_files(args: &Args) -> Result<ExitCode> {
    let Some((out, files)) = args.positional.split_first().filter(|(_, files)| !files.is_empty()) else {
        return Err(Failure::usage("record OUTDIR FILE..."));
    };
    let out = Path::new(out);
    let kernels = args.number("kernels", 1)?;
    let (cases, scenarios): (Vec<&String>, Vec<&String>) =
        files.iter().partition(|file| file.ends_with(".json"));
    let read = |file: &&String| read_scenario(Path::new(file));
    let transcripts = record::record(&scenarios.iter().map(read).collect::<Result<Vec<_>>>()?, kernels)?;
    let read = |file: &&String| FrameCase::parse(&read_text(Path::new(file))?);
    let answers = record::record_frames(&cases.iter().map(read).collect::<Result<Vec<_>>>()?, kernels)?;
    let mut written = scenarios.into_iter().zip(transcripts).collect::<Vec<_>>();
    for (file, answer) in cases.into_iter().zip(answers) {
        written.push((file, answer.map(|answer| answer.to_text()).transpose()?));
    }
    fs::create_dir_all(out).at("create", out)?;
    let mut lost = 0;
    for (file, text) in written {
        let Some(text) = text else {
            eprintln!("{file}: the real kernel's run broke off");
            lost += 1;
            continue;
        };
        let path = out.join(Path::new(file).file_name().unwrap_or_default());
        fs::write(&path, text).at("write", &path)?;
    }
    println!("recorded {} of {}", files.len() - lost, files.len());
    if lost > 0 { Err(Failure::work("some could not be recorded")) } else { Ok(ExitCode::SUCCESS) }
}

fn generate(args: &Args) -> Result<ExitCode> {
    let out = Path::new(word(args, 0)?);
    let first: u64 = number(word(args, 1)?, "FIRST_SEED")?;
    let last: u64 = number(word(args, 2)?, "LAST_SEED")?;
    if first > last {
        return Err(Failure::usage("FIRST_SEED is larger than LAST_SEED"));
    }
    if args.has("frames") {
        compare_frames::write(out, first, last)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mix = mix(args)?;
    fs::create_dir_all(out).at("create", out)?;
    for seed in first..=last {
        let path = out.join(file_name(seed));
        fs::write(&path, random_scenario(seed, &mix)).at("write", &path)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn minimise_file(args: &Args) -> Result<ExitCode> {
    let file = Path::new(word(args, 0)?);
    let start = read_scenario(file)?;
    match minimise::minimise(start, &other(args)?, args.number("boots", 16)?)? {
        None => {
            println!("the two agree on {}", file.display());
            Ok(ExitCode::SUCCESS)
        }
        Some((transcript, difference)) => {
            println!("{transcript}");
            print!("{difference}");
            if let Some(folder) = args.value("keep").map(Path::new) {
                fs::create_dir_all(folder).at("create", folder)?;
                let path = folder.join(file.file_name().unwrap_or_default());
                fs::write(&path, transcript).at("write", &path)?;
                println!("kept: {}", path.display());
            }
            Ok(ExitCode::from(1))
        }
    }
}

fn other(args: &Args) -> Result<Other> {
    Other::find(args.value("netloom"), args.value("got"))
}

fn mix(args: &Args) -> Result<Mix> {
    let odd = if args.has("plain") { 0 } else { args.number("odd", 30)? };
    let layer3 = if args.has("plain") { 0 } else { args.number("layer3", 20)? };
    Mix::new(args.value("types"), args.has("plain"), odd, layer3)
}

fn word(args: &Args, place: usize) -> Result<&str> {
    args.positional.get(place).map(String::as_str).ok_or_else(|| Failure::usage(USAGE))
}

fn read_scenario(path: &Path) -> Result<Scenario> {
    Ok(Scenario::parse(&read_text(path)?))
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))
}
