//! The threads that share the work of a kernel's reference.
//!
//! A loop is cut into pieces, which are taken in their order by whichever thread is free ([`each`]). The calling thread is
//! one of the team; the others are started when first a loop asks for them. Between two loops they look for the next one
//! for some tens of microseconds, for to be woken takes longer than a small product; then they sleep. So does a caller
//! that waits for another's last piece: where a program beside has taken that one's processor, the scheduler finds this
//! one free. Nobody gives its processor up by `yield`, which costs a whole slice of time (4 ms) where somebody takes it
//! (docs/rejected.md has the figures): that is why `rayon`, which reads and encodes texts, does not run the kernels.
//!
//! A loop within a loop, and one of a second caller while a first has the team, run on the thread that asks.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// What each thread of the team runs: it takes pieces until there are none.
type Work<'a> = &'a (dyn Fn() + Sync);

/// Looks before a thread sleeps, [`PAUSES`] of the processor apart: some forty microseconds, about what it takes to
/// be woken.
const LOOKS: u32 = 500;
const PAUSES: u32 = 4;

/// Loops that a disturbance lasts: some tenths of a second of large products.
const DISTURBED: u32 = 64;

/// Threads that look for work before they sleep; more would keep memory's bus busy.
const MOST_AWAKE: usize = 16;

/// The team of this process.
struct Team {
    /// Whether a caller has it.
    is_taken: AtomicBool,
    /// Loops so far, which is how those awake see a new one.
    loops: AtomicUsize,
    /// Workers within the loop.
    within: AtomicUsize,
    state: Mutex<State>,
    /// Loops for which the processors count as taken by others.
    disturbed: AtomicU32,
    /// Told to workers that sleep: there is a loop.
    begun: Condvar,
    /// Told to a caller that sleeps: nobody is within.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// The loop that workers may join, while its caller is there.
    work: Option<Work<'static>>,
    /// How many more may.
    places: usize,
    asleep: usize,
    /// What a worker's piece panicked with.
    panic: Option<Box<dyn Any + Send>>,
}

/// Threads that a loop is shared among at most: `RAYON_NUM_THREADS`, as for the rest of the program, or the processors
/// that there are.
pub fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(|| {
        let wanted = std::env::var("RAYON_NUM_THREADS").ok().and_then(|count| count.parse().ok());
        match wanted {
            Some(count @ 1..) => count,
            _ => std::thread::available_parallelism().map_or(1, |count| count.get()),
        }
    })
}

/// Runs `work` on each piece, on all threads, and returns when all are done. Pieces are taken in their order.
pub fn each<P>(pieces: impl ExactSizeIterator<Item = P> + Send, work: impl Fn(P) + Sync) {
    let helpers = pieces.len().min(threads()).saturating_sub(1);
    if helpers == 0 {
        return pieces.for_each(work);
    }
    let pieces = Mutex::new(pieces);
    let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
    Team::run(helpers, &|| {
        while let Some(piece) = next() {
            work(piece);
        }
    });
}

/// As [`each`] where it `pays`; else here alone.
pub fn each_where<P>(
    pays: bool,
    pieces: impl ExactSizeIterator<Item = P> + Send,
    work: impl Fn(P) + Sync,
) {
    match pays {
        true => each(pieces, work),
        false => pieces.for_each(work),
    }
}

/// As [`each`], the pieces being `size` elements of `out` each; `work` gets a piece's number too.
pub fn chunks<T: Send>(out: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    each(out.chunks_mut(size.max(1)).enumerate(), |(i, piece)| work(i, piece));
}

/// As [`threads`], or 1 where the team is taken: then a loop does well not to be cut in ways that cost more in all.
pub fn threads_at_hand() -> usize {
    match threads() {
        2.. if Team::get().is_taken.load(Ordering::Relaxed) => 1,
        threads => threads,
    }
}

/// Whether another program has lately had the processor of a thread that a loop waited for. Then a long loop does well
/// to have more pieces than threads, even where these cost more.
pub fn is_disturbed() -> bool {
    Team::get().disturbed.load(Ordering::Relaxed) > 0
}

impl Team {
    /// Runs `work` here and on up to so many workers.
    fn run(helpers: usize, work: Work<'_>) {
        let team = Team::get();
        if team.is_taken.swap(true, Ordering::Acquire) {
            return work();
        }
        // SAFETY: only the lifetime is changed. Workers take `work` from `state`, and count themselves as within under
        // its lock; `wait` takes it out of there and ends when none is within, and nothing on the way there panics.
        #[allow(unsafe_code)]
        let work_for_all = unsafe { std::mem::transmute::<Work<'_>, Work<'static>>(work) };
        let asleep = {
            let mut state = team.lock();
            state.work = Some(work_for_all);
            state.places = helpers;
            team.loops.fetch_add(1, Ordering::Release);
            state.asleep
        };
        (0..helpers.min(asleep)).for_each(|_| team.begun.notify_one());
        let result = catch_unwind(AssertUnwindSafe(work));
        team.wait();
        let theirs = team.lock().panic.take();
        team.is_taken.store(false, Ordering::Release);
        if let Some(panic) = result.err().or(theirs) {
            resume_unwind(panic);
        }
    }

    /// Lets no more workers join, and waits for those within.
    fn wait(&self) {
        self.lock().work = None;
        let is_empty = || self.within.load(Ordering::Acquire) == 0;
        if looks(is_empty) {
            let left = self.disturbed.load(Ordering::Relaxed);
            self.disturbed.store(left.saturating_sub(1), Ordering::Relaxed);
            return;
        }
        self.disturbed.store(DISTURBED, Ordering::Relaxed);
        let mut state = self.lock();
        while !is_empty() {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The team, whose workers run from the first call on.
    fn get() -> &'static Team {
        static TEAM: OnceLock<&Team> = OnceLock::new();
        TEAM.get_or_init(|| {
            let team: &Team = Box::leak(Box::new(Team {
                is_taken: AtomicBool::new(false),
                loops: AtomicUsize::new(0),
                within: AtomicUsize::new(0),
                disturbed: AtomicU32::new(0),
                state: Mutex::default(),
                begun: Condvar::new(),
                ended: Condvar::new(),
            }));
            for i in 1..threads() {
                let worker = std::thread::Builder::new().name(format!("kernels {i}"));
                // With fewer than asked for, the others take more pieces.
                let _ = worker.spawn(move || team.work(i < MOST_AWAKE));
            }
            team
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker's life.
    fn work(&self, stays_awake: bool) {
        let mut seen = 0;
        loop {
            let is_new = || self.loops.load(Ordering::Acquire) != seen;
            if !(stays_awake && looks(is_new)) {
                let mut state = self.lock();
                state.asleep += 1;
                while !is_new() {
                    state = self.begun.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.asleep -= 1;
            }
            let work = {
                let mut state = self.lock();
                seen = self.loops.load(Ordering::Acquire);
                match state.work {
                    Some(work) if state.places > 0 => {
                        state.places -= 1;
                        self.within.fetch_add(1, Ordering::Relaxed);
                        work
                    }
                    _ => continue,
                }
            };
            let result = catch_unwind(AssertUnwindSafe(work));
            let mut state = self.lock();
            if let Err(panic) = result {
                state.panic.get_or_insert(panic);
            }
            if self.within.fetch_sub(1, Ordering::Release) == 1 {
                self.ended.notify_one();
            }
        }
    }
}

/// Whether something comes to be while a thread looks.
fn looks(is_so: impl Fn() -> bool) -> bool {
    (0..LOOKS).any(|_| {
        is_so() || {
            (0..PAUSES).for_each(|_| std::hint::spin_loop());
            false
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once_whoever_takes_it() {
        for count in [0, 1, 2, 3, 64, 1000] {
            let mut out = vec![0u32; count];
            chunks(&mut out, 1, |i, piece| piece[0] += 1 + i as u32);
            assert!(out.iter().zip(1..).all(|(&value, wanted)| value == wanted));
        }
    }

    #[test]
    fn loops_within_loops_and_of_several_callers_end() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let total = AtomicUsize::new(0);
                        each(0..8, |_| {
                            each(0..8, |i| {
                                total.fetch_add(i, Ordering::Relaxed);
                            });
                        });
                        assert_eq!(total.into_inner(), 8 * 28);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_in_a_piece_is_the_callers_and_the_team_goes_on() {
        for piece in [0, 63] {
            let panicked = catch_unwind(|| {
                each(0..64, |i| {
                    std::thread::sleep(std::time::Duration::from_micros(50));
                    assert!(i != piece, "piece {i}");
                });
            });
            assert!(panicked.is_err());
            let done = AtomicUsize::new(0);
            each(0..64, |_| {
                done.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), 64);
        }
    }
}
