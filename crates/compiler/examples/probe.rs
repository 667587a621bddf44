//! probe
use blackbar_engine::{Engine, Ledger, Place, Plan, Stream};
use std::time::Instant;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let started = Instant::now();
    let artifact = if args[0].ends_with(".bbar") {
        std::fs::read(&args[0]).unwrap()
    } else {
        let policy =
            blackbar_policy::Policy::load(&args[0], &blackbar_policy::load::NoBuiltins).unwrap();
        let compiled = blackbar_compiler::compile(&policy).unwrap();
        std::fs::write("/tmp/hs/probe.bbar", &compiled.artifact).unwrap();
        if std::env::var_os("PRINTS").is_some() {
            for r in &compiled.report.rules {
                println!("{} {}", r.id, r.fingerprint.join(" | "));
            }
        }
        compiled.artifact
    };
    eprintln!("compile {:?} {} bytes", started.elapsed(), artifact.len());
    let started = Instant::now();
    let engine = Engine::load(artifact).unwrap();
    eprintln!("load {:?}", started.elapsed());
    let plan = Plan::new(&engine, None).unwrap();
    for file in &args[1..] {
        let hay = std::fs::read(file).unwrap();
        let mut best = f64::MAX;
        let mut n = 0;
        for _ in 0..3 {
            let t = cpu();
            let mut stream = Stream::new(Place::Text);
            let mut out = Vec::with_capacity(hay.len() * 2);
            n = 0;
            for chunk in hay.chunks(65536) {
                stream.push(&engine, &plan, chunk, false);
                n += stream.findings().len();
                stream.take_output(&mut out);
            }
            stream.push(&engine, &plan, b"", true);
            n += stream.findings().len();
            best = best.min(cpu() - t);
        }
        let mut ledger = Ledger::new(engine.rules().len());
        let mut stream = Stream::new(Place::Text);
        let mut out = Vec::new();
        for chunk in hay.chunks(65536) {
            stream.spare(chunk.len()).copy_from_slice(chunk);
            stream.commit_observed(&engine, &plan, chunk.len(), false, &mut ledger);
            stream.take_output(&mut out);
        }
        let mb = hay.len() as f64 / 1e6;
        let f = |x: u64| x as f64 / mb;
        println!(
            "{file}: {:.0} MB/s, {n} findings; lit {:.0} -> {:.0}, shape {:.0} -> {:.0}; windows {:.0} verified {:.0} steps {:.0}",
            mb / best,
            f(ledger.literals),
            f(ledger.sifted_literals),
            f(ledger.shapes),
            f(ledger.sifted_shapes),
            f(ledger.rules.iter().map(|r| r.windows).sum()),
            f(ledger.rules.iter().map(|r| r.verified).sum()),
            f(ledger.rules.iter().map(|r| r.steps).sum())
        );
        if std::env::var_os("TOP").is_some() {
            let mut v: Vec<_> = engine.rules().zip(&ledger.rules).collect();
            v.sort_by_key(|(_, e)| std::cmp::Reverse(e.steps + 10 * e.verified + 3 * e.windows));
            for (r, e) in v.iter().take(14) {
                println!("   {} {:?}", r.id, e);
            }
        }
    }
}
