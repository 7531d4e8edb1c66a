//! The core against simulated switches under virtual time: sessions break, switches restart, refuse and are edited by
//! others, the controller restarts, users go on changing things. A seed replays exactly:
//!
//! ```text
//! SEEDS=1000 cargo test -p controller --test sim        # seeds 0 to 999
//! SEED=17 cargo test -p controller --test sim           # this one, telling what happens
//! ```

mod changes;
mod hosts;
mod random;
mod switch;
mod world;

use world::World;

/// How much happens in one run, in virtual milliseconds.
const TROUBLE: u64 = 20_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn in_the_end_every_switch_is_as_it_is_to_be() {
    if let Some(seed) = number("SEED") {
        return run(seed, true);
    }
    for seed in 0..number("SEEDS").unwrap_or(50) {
        let ran = std::panic::catch_unwind(|| run(seed, false));
        assert!(ran.is_ok(), "seed {seed} failed: SEED={seed} shows how");
    }
}

#[test]
fn a_seed_replays_exactly() {
    let trace = |seed| {
        let mut world = World::new(seed, false);
        world.live(TROUBLE);
        world.trace().to_vec()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

#[test]
fn a_host_that_is_off_is_down_and_nobody_waits_for_it() {
    for seed in 0..number("SEEDS").unwrap_or(20) {
        let mut world = World::new(seed, false);
        world.grow();
        world.heal();
        world.switch_off("h2");
        world.wait(3_000);
        assert_eq!(world.down(), ["h2"], "seed {seed}");
        world.grow();
        world.wait(1_000);
        assert!(!world.is_waited_for(), "seed {seed}: a write waits for a host that is down");
        world.heal();
        world.check();
    }
}

fn run(seed: u64, aloud: bool) {
    let mut world = World::new(seed, aloud);
    world.live(TROUBLE);
    world.heal();
    world.check();
    world.restart_controller();
    world.heal();
    assert_eq!(world.sent_since_restart(), 0, "nothing changed, and something was sent");
}
