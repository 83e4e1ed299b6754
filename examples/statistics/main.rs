//! Is what is drawn random, and does it follow its distribution?
//!
//! ```text
//! cargo run --release --example statistics -- 100000000
//! ```
//!
//! Seeds are fixed. A p-value is uniform between 0 and 1 where all is well; below 1e-5 the program ends with status 1.

mod laws;

fn main() -> std::process::ExitCode {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    println!("| test | numbers | value | p |\n|---|--:|--:|--:|");
    let mut all_well = true;
    for law in laws::all(n) {
        println!("| {} | {} | {:.4} | {:.4} |", law.name, law.n, law.value, law.p);
        all_well &= law.p > 1e-5;
    }
    if all_well { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
