//! Waiting for a device, on a thread of its own.
//!
//! wgpu waits with a bound or without. With a bound it can panic where two threads use one device: the first one's time
//! is up, the second sees the work end and clears it away, and the first finds a queue empty whose work it saw unfinished
//! (`Device::maintain` in wgpu-core 30). Without a bound nobody learns that a device has stalled. And where a driver
//! answers one who waits that the device is lost, wgpu panics (`Device::poll` in wgpu 30). So each device has a thread that
//! waits without a bound, the others wait for that thread with one, and its panics become answers.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use super::adapter::Health;

/// The name of a waiter's thread.
const THREAD: &str = "wgslearn waits";

/// Why there was nothing to wait for.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    /// The submission never began.
    NeverBegan,
    /// wgpu could not tell.
    Panicked(String),
}

type Outcome = Result<(), Failed>;
type Asked = (Option<wgpu::SubmissionIndex>, mpsc::Sender<Outcome>);

/// A device's thread that waits.
#[derive(Debug)]
pub struct Waiter {
    health: Arc<Health>,
    /// None while it is dropped.
    ask: Option<mpsc::Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiter {
    /// Starts the thread. `wait` waits for a submission and all before it, or for all that were made where none is named.
    pub fn new(
        health: Arc<Health>,
        wait: impl Fn(Option<wgpu::SubmissionIndex>) -> Outcome + Send + 'static,
    ) -> std::io::Result<Waiter> {
        let (ask, asked) = mpsc::channel::<Asked>();
        let waits = move || {
            for (submission, answer) in asked {
                // Nobody listens any more where whoever asked has given the device up.
                let _ = answer.send(contained(|| wait(submission)));
            }
        };
        let thread = std::thread::Builder::new().name(THREAD.into()).spawn(waits)?;
        Ok(Waiter { health, ask: Some(ask), thread: Some(thread) })
    }

    /// Begins to wait for a submission and all before it, or for all where none is named; the outcome comes by the channel.
    pub fn begin(&self, submission: Option<wgpu::SubmissionIndex>) -> mpsc::Receiver<Outcome> {
        let (answer, outcome) = mpsc::channel();
        if let Some(ask) = &self.ask {
            // A thread that is gone answers by its end of the channel.
            let _ = ask.send((submission, answer));
        }
        outcome
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.ask = None;
        // The driver's threads and this one may not outlive the process's end; but a device that is gone may never answer.
        if let Some(thread) = self.thread.take().filter(|_| !self.health.is_gone()) {
            let _ = thread.join();
        }
    }
}

/// Lets wgpu tell what it knows of a device, by its callbacks.
pub fn poll(device: &wgpu::Device) {
    let _ = contained(|| {
        let _ = device.poll(wgpu::PollType::Poll);
        Ok(())
    });
}

/// Waits for a submission and all before it, or for all where none is named, without a bound.
pub fn wait(device: &wgpu::Device, submission_index: Option<wgpu::SubmissionIndex>) -> Outcome {
    loop {
        let submission_index = submission_index.clone();
        match device.poll(wgpu::PollType::Wait { submission_index, timeout: None }) {
            Ok(_) => return Ok(()),
            Err(wgpu::PollError::WrongSubmissionIndex(..)) => return Err(Failed::NeverBegan),
            // OpenGL waits for two seconds at most (`Fence::wait` in wgpu-hal 30).
            Err(wgpu::PollError::Timeout) => {}
        }
    }
}

/// What `act` answers; its panic is an answer too.
fn contained(act: impl FnOnce() -> Outcome) -> Outcome {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().map(String::as_str);
        let told = told.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Failed::Panicked(told.unwrap_or("wgpu failed").to_owned()))
    })
}

/// Whether the current thread waits for a device, so that its panic is told as that device's error.
#[cfg(feature = "cli")]
pub fn is_waiting() -> bool {
    std::thread::current().name() == Some(THREAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer_and_the_next_wait_is_answered_too() {
        let times = std::sync::atomic::AtomicUsize::new(0);
        let wait = move |_| match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => panic!("Error in Device::poll: {}", "Parent device is lost"),
            1 => Err(Failed::NeverBegan),
            _ => Ok(()),
        };
        let waiter = Waiter::new(Arc::default(), wait).expect("a thread");
        let outcomes: Vec<Outcome> =
            (0..3).map(|_| waiter.begin(None).recv().expect("an answer")).collect();
        let told = "Error in Device::poll: Parent device is lost".to_owned();
        assert_eq!(outcomes, [Err(Failed::Panicked(told)), Err(Failed::NeverBegan), Ok(())]);
    }

    #[test]
    fn a_device_that_is_gone_is_not_waited_for_at_the_end() {
        let (stop, stopped) = mpsc::channel::<()>();
        let health = Arc::new(Health::default());
        let wait = move |_| stopped.recv().map_err(|_| Failed::NeverBegan);
        let waiter = Waiter::new(health.clone(), wait).expect("a thread");
        let outcome = waiter.begin(None);
        health.lose("unplugged");
        drop(waiter);
        assert_eq!(outcome.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(stop);
        assert_eq!(outcome.recv(), Ok(Err(Failed::NeverBegan)));
    }
}
