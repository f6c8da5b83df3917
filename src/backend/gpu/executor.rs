//! A prepared program: its buffers, pipelines and bind groups on a device. A run records dispatches only.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::{Executor, HostTime, Timing, median};
use super::adapter::Gpu;
use super::clock::Clock;
use super::pipelines::Pipelines;
use super::submission::{Prepared, pack};
use super::transfer::Staging;
use super::variants::Variants;
use crate::error::{Error, Result};
use crate::kernels::{BufferId, Element, Span};
use crate::program::{Program, RoutineId, Run};

/// What a program's buffers hold, for messages.
const WHAT: &str = "the model, its optimizer and its batch";

/// Bytes that are written to a device at once.
const WRITE: usize = 32 << 20;

/// A program with its buffers, pipelines and bind groups on a GPU.
pub struct GpuExecutor {
    program: Program,
    pipelines: Arc<Pipelines>,
    buffers: Vec<wgpu::Buffer>,
    /// Those that forks have too.
    shared: Vec<BufferId>,
    routines: Vec<Vec<Prepared>>,
    /// How many dispatches each routine has.
    dispatches: Vec<usize>,
    /// Measured seconds of one step of each routine, 0 before the first.
    seconds: Vec<f64>,
    /// Bytes written since the last submission.
    unsubmitted: usize,
    staging: Staging,
    host_time: HostTime,
}

impl std::fmt::Debug for GpuExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GpuExecutor({}, {} buffers)", self.pipelines.gpu.name(), self.buffers.len())
    }
}

impl GpuExecutor {
    pub(in super::super) fn new(
        pipelines: Arc<Pipelines>,
        program: &Program,
        variant: Option<&str>,
    ) -> Result<Self> {
        Self::with_buffers(pipelines, program, variant, Vec::new())
    }

    /// As [`GpuExecutor::new`]; these buffers, which no dispatch writes, can be read by forks too.
    pub(in super::super) fn sharing(
        pipelines: Arc<Pipelines>,
        program: &Program,
        shared: &[BufferId],
    ) -> Result<Self> {
        program.check_unwritten(shared)?;
        let mut executor = Self::new(pipelines, program, None)?;
        executor.shared = shared.to_vec();
        Ok(executor)
    }

    /// With these buffers of another, where they are given.
    fn with_buffers(
        pipelines: Arc<Pipelines>,
        program: &Program,
        variant: Option<&str>,
        given: Vec<(BufferId, wgpu::Buffer)>,
    ) -> Result<Self> {
        program.check()?;
        let gpu = &pipelines.gpu;
        for buffer in &program.buffers {
            let bytes = buffer.len as u64 * 4;
            let limit = gpu.limits.max_buffer_size.min(gpu.limits.max_storage_buffer_binding_size);
            if bytes > limit {
                return Err(Error::Device(format!(
                    "the buffer {} needs {} MB, and one buffer of {} holds {} MB; take a smaller batch or model, or the device cpu",
                    buffer.name,
                    bytes / 1_000_000,
                    gpu.info.name,
                    limit / 1_000_000
                )));
            }
        }
        let of_turn = pipelines.clone();
        let _turn = of_turn.gpu.turn()?;
        gpu.check()?;
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffers: Vec<wgpu::Buffer> = program
            .buffers
            .iter()
            .enumerate()
            .map(|(id, buffer)| {
                if let Some((_, given)) = given.iter().find(|(given, _)| given.0 == id) {
                    return given.clone();
                }
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some(&buffer.name),
                    size: buffer.len as u64 * 4,
                    usage: wgpu::BufferUsages::STORAGE
                        | wgpu::BufferUsages::COPY_SRC
                        | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                })
            })
            .collect();

        // Every dispatch's parameters lie in one buffer, each at its own aligned place.
        let alignment = gpu
            .limits
            .min_uniform_buffer_offset_alignment
            .max(gpu.limits.min_storage_buffer_offset_alignment);
        let stride = alignment.max(64) as usize;
        let dispatches = || program.routines.iter().flat_map(|routine| &routine.dispatches);
        let mut bytes = vec![0u8; (dispatches().count() * stride).max(stride)];
        for (dispatch, place) in dispatches().zip(bytes.chunks_exact_mut(stride)) {
            place[..dispatch.params.len()].copy_from_slice(&dispatch.params);
        }
        let params = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: bytes.len() as u64,
            usage: match gpu.params_in_storage() {
                true => wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                false => wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            },
            mapped_at_creation: false,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(gpu.caught(error, WHAT, program.bytes()));
        }
        gpu.queue.write_buffer(&params, 0, &bytes);

        // Which variant each dispatch takes; then the pipelines, all at once; then the bind groups.
        let variants = Variants { pipelines: &pipelines, buffers: &buffers, params: &params };
        let mut chosen = Vec::new();
        for (i, dispatch) in dispatches().enumerate() {
            chosen.push(variants.choose(dispatch, (i * stride) as u64, variant)?);
        }
        pipelines.make_all(dispatches().zip(&chosen).map(|(d, &i)| (d.kernel, i)))?;
        let mut routines = Vec::new();
        let mut place = 0..;
        for routine in &program.routines {
            let mut prepared = Vec::new();
            for (dispatch, place) in routine.dispatches.iter().zip(&mut place) {
                let params = (&params, (place * stride) as u64);
                prepared.push(Prepared::new(
                    &pipelines,
                    dispatch,
                    chosen[place],
                    &buffers,
                    params,
                )?);
            }
            routines.push(prepared);
        }
        gpu.check()?;
        Ok(Self {
            program: program.clone(),
            seconds: vec![0.0; routines.len()],
            dispatches: routines.iter().map(Vec::len).collect(),
            pipelines,
            buffers,
            shared: given.into_iter().map(|(id, _)| id).collect(),
            routines,
            unsubmitted: 0,
            staging: Staging::default(),
            host_time: HostTime::default(),
        })
    }

    fn write(&mut self, span: Span, bytes: &[u8]) -> Result<()> {
        let gpu = &self.pipelines.gpu;
        let _turn = gpu.turn()?;
        let started = Instant::now();
        for (i, piece) in bytes.chunks(WRITE).enumerate() {
            let offset = span.offset as u64 * 4 + (i * WRITE) as u64;
            gpu.queue.write_buffer(&self.buffers[span.buffer.0], offset, piece);
            // What was written waits in memory of its own until it is submitted.
            self.unsubmitted += piece.len();
            if self.unsubmitted >= WRITE {
                gpu.submit(None);
                gpu.wait()?;
                self.unsubmitted = 0;
            }
        }
        self.host_time.writing += started.elapsed().as_secs_f64();
        gpu.check()
    }

    fn read<T: bytemuck::Pod>(&mut self, span: Span) -> Result<Vec<T>> {
        let gpu = &self.pipelines.gpu;
        let _turn = gpu.turn()?;
        let started = Instant::now();
        let buffer = self.buffers[span.buffer.0].clone();
        let elements = self.staging.read(gpu, &buffer, span.offset as u64 * 4, span.len);
        self.host_time.reading += started.elapsed().as_secs_f64();
        elements
    }

    /// Runs the routines in order, to the end; returns the device's seconds where `clock` is given.
    ///
    /// While the device runs one submission, the next is recorded: two are under way at most. One is waited for at once
    /// where the clock's only times lie in it, where it tells how long a step takes at all, and where threads take turns.
    fn submit(&mut self, runs: &[Run], clock: Option<&Clock>) -> Result<f64> {
        runs.iter().try_for_each(|run| self.program.check_run(run.routine))?;
        let pipelines = self.pipelines.clone();
        let gpu = &pipelines.gpu;
        let mut total = 0.0;
        let mut queue: Vec<Run> = runs.iter().rev().copied().filter(|run| run.times > 0).collect();
        let mut under_way: VecDeque<UnderWay> = VecDeque::new();
        let mut last_done = None;
        while !queue.is_empty() {
            let _turn = gpu.turn()?;
            let started = Instant::now();
            let packed = pack(&mut queue, &self.seconds, &self.dispatches);
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            let timestamp_writes = clock.map(|clock| clock.writes(0));
            let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            for run in &packed {
                for _ in 0..run.times {
                    for step in &self.routines[run.routine.0] {
                        step.record(&mut pass);
                    }
                }
            }
            drop(pass);
            if let Some(clock) = clock {
                clock.resolve(1, &mut encoder);
            }
            let expected = packed
                .iter()
                .map(|run| match self.seconds[run.routine.0] {
                    0.0 => None,
                    each => Some(each * run.times as f64),
                })
                .sum::<Option<f64>>()
                .map(Duration::from_secs_f64);
            let is_new = packed.iter().any(|run| self.seconds[run.routine.0] == 0.0);
            let index = gpu.submit(Some(encoder.finish()));
            self.host_time.recording += started.elapsed().as_secs_f64();
            under_way.push_back(UnderWay { index, started, packed, expected });
            let ends = is_new || clock.is_some() || queue.is_empty() || gpu.takes_turns();
            let most = if ends { 0 } else { 1 };
            while under_way.len() > most {
                let Some(oldest) = under_way.pop_front() else { break };
                self.finish(gpu, oldest, &mut last_done)?;
            }
            if let Some(clock) = clock {
                total += clock.seconds(gpu, &mut self.staging, 1)?.iter().sum::<f64>();
            }
        }
        Ok(total)
    }

    /// Waits for a submission and learns from it how long a step takes. `last_done` is when the one before it was.
    fn finish(
        &mut self,
        gpu: &Gpu,
        submission: UnderWay,
        last_done: &mut Option<Instant>,
    ) -> Result<()> {
        let waiting = Instant::now();
        // It may wait for the one before it.
        gpu.wait_for(Some(submission.index), submission.expected.map(|expected| 2 * expected))?;
        let done = Instant::now();
        self.host_time.waiting += (done - waiting).as_secs_f64();
        let since = last_done.map_or(submission.started, |last| last.max(submission.started));
        *last_done = Some(done);
        // One routine alone in the submission gives its time; several share none.
        if let [only] = submission.packed[..] {
            let seconds = (done - since).as_secs_f64() / only.times as f64;
            let known = &mut self.seconds[only.routine.0];
            *known = if *known == 0.0 { seconds } else { 0.5 * (*known + seconds) };
        }
        Ok(())
    }
}

impl Drop for GpuExecutor {
    /// What it made is freed in its turn.
    fn drop(&mut self) {
        let (routines, buffers) = (take(&mut self.routines), take(&mut self.buffers));
        let held = (routines, buffers, take(&mut self.staging));
        match self.pipelines.gpu.turn() {
            Ok(_turn) => drop(held),
            // Whoever has its turn will not give it back.
            Err(_) => std::mem::forget(held),
        }
    }
}

/// A submission that the device may still run.
struct UnderWay {
    index: wgpu::SubmissionIndex,
    /// When its recording began.
    started: Instant,
    packed: Vec<Run>,
    /// How long it should take by itself, where that is known.
    expected: Option<Duration>,
}

impl Executor for GpuExecutor {
    fn fork(&self) -> Result<Box<dyn Executor>> {
        let given = self.shared.iter().map(|&id| (id, self.buffers[id.0].clone())).collect();
        let pipelines = self.pipelines.clone();
        Ok(Box::new(Self::with_buffers(pipelines, &self.program, None, given)?))
    }

    fn write_f32(&mut self, span: Span, values: &[f32]) -> Result<()> {
        self.program.check_write(span, Element::F32, values.len())?;
        self.write(span, bytemuck::cast_slice(values))
    }

    fn write_u32(&mut self, span: Span, values: &[u32]) -> Result<()> {
        self.program.check_write(span, Element::U32, values.len())?;
        self.write(span, bytemuck::cast_slice(values))
    }

    fn read_f32(&mut self, span: Span) -> Result<Vec<f32>> {
        self.program.check_span(span, Element::F32)?;
        self.read(span)
    }

    fn read_u32(&mut self, span: Span) -> Result<Vec<u32>> {
        self.program.check_span(span, Element::U32)?;
        self.read(span)
    }

    fn copy(&mut self, from: Span, to: Span) -> Result<()> {
        self.program.check_copy(from, to)?;
        let gpu = &self.pipelines.gpu;
        let _turn = gpu.turn()?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(
            &self.buffers[from.buffer.0],
            from.offset as u64 * 4,
            &self.buffers[to.buffer.0],
            to.offset as u64 * 4,
            from.len as u64 * 4,
        );
        gpu.submit(Some(encoder.finish()));
        gpu.check()
    }

    fn run(&mut self, runs: &[Run]) -> Result<()> {
        self.submit(runs, None)?;
        Ok(())
    }

    fn time(&mut self, routine: RoutineId, times: usize) -> Result<f64> {
        let runs = [Run { routine, times }];
        let clock = {
            let _turn = self.pipelines.gpu.turn()?;
            Clock::new(&self.pipelines.gpu)
        };
        match clock {
            Some(clock) => self.submit(&runs, Some(&clock)),
            None => {
                let started = Instant::now();
                self.submit(&runs, None)?;
                Ok(started.elapsed().as_secs_f64())
            }
        }
    }

    fn profile(&mut self, routine: RoutineId, times: usize) -> Result<Vec<Timing>> {
        self.program.check_run(routine)?;
        let count = self.routines[routine.0].len();
        let mut seconds = vec![Vec::with_capacity(times); count];
        let gpu = &self.pipelines.gpu;
        let _turn = gpu.turn()?;
        let clock = Clock::new(gpu);
        let all: Vec<usize> = (0..count).collect();
        for _ in 0..times {
            for some in all.chunks(Clock::PASSES as usize) {
                let Some(clock) = &clock else {
                    for &i in some {
                        seconds[i].push(self.routines[routine.0][i].run_alone(gpu)?);
                    }
                    continue;
                };
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                for (pass, &i) in some.iter().enumerate() {
                    let descriptor = wgpu::ComputePassDescriptor {
                        label: None,
                        timestamp_writes: Some(clock.writes(pass as u32)),
                    };
                    self.routines[routine.0][i]
                        .record(&mut encoder.begin_compute_pass(&descriptor));
                }
                clock.resolve(some.len() as u32, &mut encoder);
                gpu.submit(Some(encoder.finish()));
                gpu.wait()?;
                for (&i, taken) in
                    some.iter().zip(clock.seconds(gpu, &mut self.staging, some.len())?)
                {
                    seconds[i].push(taken);
                }
            }
        }
        let timing = |(step, seconds): (&Prepared, _)| Timing {
            kernel: step.kernel.name,
            variant: step.kernel.variants[step.variant].name,
            seconds: median(seconds),
        };
        Ok(self.routines[routine.0].iter().zip(seconds).map(timing).collect())
    }

    fn host_time(&self) -> HostTime {
        self.host_time
    }
}
