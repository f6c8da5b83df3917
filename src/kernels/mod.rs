//! The kernels: each a WGSL shader in `shaders/` and, here under the same name, its Rust half.
//!
//! A Rust half holds the parameters (`Params`) and the bindings with their access, from which the shader's declarations
//! are written; the launch geometry; and the **CPU reference**: a plain function over the same bindings that
//! computes the same thing. References are generic over [`Real`], so that the
//! f32 reference is the CPU backend and the f64 reference the oracle of the tests. `tests/shaders.rs`
//! holds each `Params` against the layout that naga reads.

#[macro_use]
mod define;
#[cfg(feature = "unstable")]
pub mod case;
mod elementwise_loss;
mod gemm;
mod pooling;
mod real;
pub mod simd;
pub mod team;

pub mod accumulate;
pub mod activate;
pub mod activation;
pub mod adagrad;
pub mod adam;
pub mod augment;
pub mod average_pool;
pub mod average_pool_gradient;
pub mod bag_targets;
pub mod binary_crossentropy;
pub mod candidate_draw;
pub mod candidate_gather;
pub mod candidate_scatter;
pub mod candidate_slots;
pub mod categorical_crossentropy;
pub mod clip_scale;
pub mod clip_value;
pub mod conv;
pub mod conv_forward;
pub mod conv_gradient_input;
pub mod conv_gradient_weights;
pub mod decay;
pub mod dense_forward;
pub mod dense_gradient_input;
pub mod dense_gradient_weights;
pub mod dropout;
pub mod dropout_gradient;
pub mod edges;
pub mod embedding_adagrad;
pub mod embedding_adam;
pub mod embedding_bag;
pub mod embedding_gather;
pub mod embedding_gradient;
pub mod embedding_gradient_carry;
pub mod embedding_gradient_runs;
pub mod embedding_replay;
pub mod embedding_stamp;
pub mod embedding_update;
pub mod fill;
pub mod gather_batch;
pub mod gather_ids;
pub mod gelu;
pub mod gelu_gradient;
pub mod global_average_pool;
pub mod global_average_pool_gradient;
pub mod huber;
pub mod keep_rows;
pub mod layer_norm;
pub mod layer_norm_gradient_input;
pub mod layer_norm_gradient_weights;
pub mod mae;
pub mod max_pool;
pub mod max_pool_gradient;
pub mod mean_pool;
pub mod mean_pool_gradient;
pub mod moving_average;
pub mod mse;
pub mod negative_sampling;
pub mod noise;
pub mod norm;
pub mod norm_gradient_input;
pub mod norm_gradient_parts;
pub mod norm_group_sums;
pub mod norm_moments;
pub mod norm_parts;
pub mod peak_fma;
pub mod place_columns;
pub mod product;
pub mod radix_count;
pub mod radix_scan;
pub mod radix_scatter;
pub mod random;
pub mod rmsprop;
pub mod scale_by;
pub mod sgd;
pub mod silu;
pub mod silu_gradient;
pub mod small_steps;
pub mod smooth_targets;
pub mod softmax;
pub mod ssim;
pub mod ssim_windows;
pub mod state;
pub mod store_rows;
pub mod subword_rows;
pub mod sum_parts;
pub mod sum_squares;
pub mod take_columns;
pub mod upsample_bilinear;
pub mod upsample_bilinear_gradient;
pub mod upsample_nearest;
pub mod upsample_nearest_gradient;
pub mod weigh_targets;
pub mod weighted_binary_crossentropy;
pub mod weighted_edges;
pub mod weighted_huber;
pub mod weighted_mae;
pub mod weighted_mse;
pub mod weighted_ssim;
pub mod word_samples;

pub use activation::Activation;
pub use define::{
    Access, Adapter, Binding, BufferId, Dispatch, Element, Field, Kernel, MAX_LOOP_ITERATIONS,
    Slot, Span, Variant, spread, spread_by, spread_rows,
};
pub use gemm::{Begin, Finish, Gathered, Panels, Product};
pub use pooling::Axis;
pub use real::{
    Real, add_scaled, dot, dots, first_largest, for_costly_pairs, for_costly_rows, for_rows,
    for_stretches, sum, sum_rows,
};
pub use simd::vectorised;

/// Every kernel: what tests and benches walk through. A new kernel adds its line here.
pub static ALL: &[&Kernel] = &[
    &accumulate::KERNEL,
    &activate::KERNEL,
    &adagrad::KERNEL,
    &adam::KERNEL,
    &augment::KERNEL,
    &average_pool::KERNEL,
    &average_pool_gradient::KERNEL,
    &bag_targets::KERNEL,
    &binary_crossentropy::KERNEL,
    &candidate_draw::KERNEL,
    &candidate_gather::KERNEL,
    &candidate_scatter::KERNEL,
    &candidate_slots::KERNEL,
    &categorical_crossentropy::KERNEL,
    &clip_scale::KERNEL,
    &clip_value::KERNEL,
    &conv_forward::KERNEL,
    &conv_gradient_input::KERNEL,
    &conv_gradient_weights::KERNEL,
    &decay::KERNEL,
    &dense_forward::KERNEL,
    &dense_gradient_input::KERNEL,
    &dense_gradient_weights::KERNEL,
    &dropout::KERNEL,
    &dropout_gradient::KERNEL,
    &embedding_adagrad::KERNEL,
    &embedding_adam::KERNEL,
    &embedding_bag::KERNEL,
    &embedding_gather::KERNEL,
    &embedding_gradient::KERNEL,
    &embedding_gradient_carry::KERNEL,
    &embedding_gradient_runs::KERNEL,
    &embedding_replay::KERNEL,
    &embedding_stamp::KERNEL,
    &embedding_update::KERNEL,
    &fill::KERNEL,
    &gather_batch::ids::KERNEL,
    &gather_batch::matrix::KERNEL,
    &gather_ids::KERNEL,
    &gelu::KERNEL,
    &gelu_gradient::KERNEL,
    &global_average_pool::KERNEL,
    &global_average_pool_gradient::KERNEL,
    &edges::KERNEL,
    &huber::KERNEL,
    &mae::KERNEL,
    &keep_rows::KERNEL,
    &layer_norm::KERNEL,
    &layer_norm_gradient_input::KERNEL,
    &layer_norm_gradient_weights::KERNEL,
    &max_pool::KERNEL,
    &max_pool_gradient::KERNEL,
    &mean_pool::KERNEL,
    &mean_pool_gradient::KERNEL,
    &moving_average::KERNEL,
    &mse::KERNEL,
    &negative_sampling::KERNEL,
    &noise::KERNEL,
    &norm::KERNEL,
    &norm_gradient_input::KERNEL,
    &norm_gradient_parts::KERNEL,
    &norm_group_sums::KERNEL,
    &norm_moments::KERNEL,
    &norm_parts::KERNEL,
    &peak_fma::KERNEL,
    &place_columns::KERNEL,
    &radix_count::KERNEL,
    &radix_scan::KERNEL,
    &radix_scatter::KERNEL,
    &rmsprop::KERNEL,
    &scale_by::KERNEL,
    &sgd::KERNEL,
    &silu::KERNEL,
    &silu_gradient::KERNEL,
    &small_steps::ids::KERNEL,
    &small_steps::matrix::KERNEL,
    &smooth_targets::KERNEL,
    &softmax::KERNEL,
    &ssim::KERNEL,
    &ssim_windows::KERNEL,
    &store_rows::KERNEL,
    &sum_parts::KERNEL,
    &sum_squares::KERNEL,
    &take_columns::KERNEL,
    &subword_rows::KERNEL,
    &upsample_bilinear::KERNEL,
    &upsample_bilinear_gradient::KERNEL,
    &upsample_nearest::KERNEL,
    &upsample_nearest_gradient::KERNEL,
    &weigh_targets::KERNEL,
    &weighted_binary_crossentropy::KERNEL,
    &weighted_edges::KERNEL,
    &weighted_huber::KERNEL,
    &weighted_mae::KERNEL,
    &weighted_mse::KERNEL,
    &weighted_ssim::KERNEL,
    &word_samples::KERNEL,
];
