//! `ip` on this machine's Linux: ours beside iproute2's, as ratios of their wall clock times.
//!
//! The bench makes network and mount namespaces of its own, and a user namespace if it is not root, and all that it
//! makes ends with it. The two programs take turns, each beginning every other time, and a row's ratio is the median of
//! the ratios of the turns. Both are whole processes, from start to exit, whose output nobody reads.
//!
//! The column `kernel` is the least that any program could need: the same requests, encoded beforehand, sent and
//! answered one by one within this process, and nothing read of the answers. It is a ratio to iproute2 as well.
//!
//! A word behind `--` chooses the rows whose names hold it. Without the right to make namespaces, or without iproute2,
//! nothing is measured, and that is said.

fn main() {
    #[cfg(target_os = "linux")]
    if let Err(why) = linux::run() {
        println!("left out: {why}");
    }
    #[cfg(not(target_os = "linux"))]
    println!("left out: this is not Linux");
}

#[cfg(target_os = "linux")]
mod bare;

#[cfg(target_os = "linux")]
mod linux {
    use super::bare;
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    const MANY: usize = bare::MANY;
    /// What the system may take to clear away what a turn left.
    const SETTLE: Duration = Duration::from_millis(700);

    /// The two programs and the files that they read.
    struct Scene {
        ours: PathBuf,
        theirs: PathBuf,
        folder: PathBuf,
    }

    /// A row.
    struct Row {
        name: &'static str,
        /// The ratio that is asked for.
        asked: f64,
        turns: usize,
        /// One turn of a program.
        turn: fn(&Scene, &Path) -> Result<Duration, String>,
        /// The kernel's part of a turn.
        kernel: fn() -> Result<Duration, String>,
    }

    const ROWS: &[Row] = &[
        Row {
            name: "start-up: link show lo",
            asked: 1.0,
            turns: 200,
            turn: |_, ip| time(ip, &["link", "show", "lo"]),
            kernel: || apart_at_once(bare::ask_for_lo),
        },
        Row {
            name: "-batch of 1,000 veth pairs",
            asked: 0.85,
            turns: 5,
            turn: |scene, ip| apart(|| time(ip, &["-batch", &scene.file("veth")])),
            kernel: || apart(bare::make_pairs),
        },
        Row {
            name: "-batch of 1,000 namespaces with two links each",
            asked: 0.5,
            turns: 3,
            turn: |scene, ip| {
                apart(|| {
                    let took = time(ip, &["-batch", &scene.file("namespaces")])?;
                    time(&scene.ours, &["-all", "netns", "delete"])?;
                    Ok(took)
                })
            },
            kernel: || apart(bare::make_namespaces),
        },
    ];

    /// Rows in a namespace that has 2,000 links.
    const LISTINGS: &[Row] = &[
        Row {
            name: "-d link show of 2,000 links",
            asked: 0.6,
            turns: 15,
            turn: |_, ip| time(ip, &["-d", "link", "show"]),
            kernel: bare::list,
        },
        Row {
            name: "-d -j link show of 2,000 links",
            asked: 0.6,
            turns: 15,
            turn: |_, ip| time(ip, &["-d", "-j", "link", "show"]),
            kernel: bare::list,
        },
    ];

    pub(super) fn run() -> Result<(), String> {
        let theirs = iproute2().ok_or("there is no ip of iproute2 in PATH")?;
        netloom::linux::go_apart()?;
        let folder = std::env::temp_dir().join(format!("netloom-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|why| format!("no folder: {why}"))?;
        let scene = Scene { ours: folder.join("ip"), theirs, folder: folder.clone() };
        let done = prepare(&scene).and_then(|()| measure(&scene));
        // A leftover in the temporary folder is all that can happen.
        let _ = std::fs::remove_dir_all(folder);
        done
    }

    fn measure(scene: &Scene) -> Result<(), String> {
        let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
        let is_wanted =
            |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
        println!(
            "{:<48} {:>9} {:>9} {:>6} {:>6} {:>6}",
            "medians", "ours", "iproute2", "ratio", "asked", "kernel"
        );
        for row in ROWS.iter().filter(|row| is_wanted(row.name)) {
            measure_row(scene, row)?;
        }
        let listings: Vec<&Row> = LISTINGS.iter().filter(|row| is_wanted(row.name)).collect();
        if listings.is_empty() {
            return Ok(());
        }
        apart(|| {
            time(&scene.theirs, &["-batch", &scene.file("veth")])?;
            listings.into_iter().try_for_each(|row| measure_row(scene, row))
        })
    }

    /// The program is taken for `ip` by its name; the batches do not depend on the program.
    fn prepare(scene: &Scene) -> Result<(), String> {
        let (mut veth, mut namespaces) = (String::new(), String::new());
        for i in 0..MANY {
            // Writing to a string does not fail.
            let _ = writeln!(veth, "link add v{i} type veth peer name w{i}");
            let _ = writeln!(namespaces, "netns add n{i}");
            let _ = writeln!(namespaces, "link add v0 netns n{i} type veth peer name v1 netns n{i}");
        }
        let linked = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_netloom"), &scene.ours);
        linked
            .and_then(|()| std::fs::write(scene.file("veth"), veth))
            .and_then(|()| std::fs::write(scene.file("namespaces"), namespaces))
            .map_err(|why| format!("cannot write into {}: {why}", scene.folder.display()))
    }

    impl Scene {
        fn file(&self, name: &str) -> String {
            self.folder.join(name).display().to_string()
        }
    }

    /// Takes the turns of a row and prints it.
    fn measure_row(scene: &Scene, row: &Row) -> Result<(), String> {
        let (mut ours, mut theirs, mut ratios, mut kernels) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // The first turn of each is not counted: it finds nothing in memory.
        for at in 0..=row.turns {
            let first = if at % 2 == 0 { &scene.ours } else { &scene.theirs };
            let second = if at % 2 == 0 { &scene.theirs } else { &scene.ours };
            let mut took =
                [(row.turn)(scene, first)?, (row.turn)(scene, second)?].map(|took| took.as_secs_f64());
            if at % 2 != 0 {
                took.reverse();
            }
            let kernel = (row.kernel)()?.as_secs_f64();
            if at > 0 {
                ours.push(took[0]);
                theirs.push(took[1]);
                ratios.push(took[0] / took[1]);
                kernels.push(kernel / took[1]);
            }
        }
        let (ours, theirs, ratio, kernel) = (median(ours), median(theirs), median(ratios), median(kernels));
        println!(
            "{:<48} {:>6.1} ms {:>6.1} ms {ratio:>6.2} {:>6} {kernel:>6.2}",
            row.name,
            ours * 1e3,
            theirs * 1e3,
            format!("≤ {}", row.asked),
        );
        Ok(())
    }

    fn median(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Runs a program to its end.
    fn time(program: &Path, words: &[&str]) -> Result<Duration, String> {
        let begin = Instant::now();
        let status = Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::null()).status();
        let took = begin.elapsed();
        match status {
            Ok(status) if status.success() => Ok(took),
            Ok(status) => Err(format!("{} {}: {status}", program.display(), words.join(" "))),
            Err(why) => Err(format!("{}: {why}", program.display())),
        }
    }

    /// Does something in a network namespace of its own, and waits a while for the system to clear it away.
    fn apart<T: Send>(deed: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
        let done = apart_at_once(deed);
        std::thread::sleep(SETTLE);
        done
    }

    /// Does something in a network namespace of its own.
    fn apart_at_once<T: Send>(deed: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
        let there = || {
            edge::netns::isolate().map_err(|errno| format!("no network namespace of its own: {errno}"))?;
            deed()
        };
        let died = |_| Err("a turn died".to_string());
        std::thread::scope(|scope| scope.spawn(there).join().unwrap_or_else(died))
    }

    /// The first `ip` in `PATH` that says it is iproute2's and is not this program.
    fn iproute2() -> Option<PathBuf> {
        let ours = std::fs::canonicalize(env!("CARGO_BIN_EXE_netloom")).ok();
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("ip")).find(|ip| {
            let version = Command::new(ip).arg("-V").output();
            std::fs::canonicalize(ip).ok() != ours
                && version.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("iproute2"))
        })
    }
}
