//! Fusions: rewrites of a plan, each of which gives the same result (to rounding) by fewer or cheaper
//! dispatches. They are decided here, once; a recorder walks what is left.

use crate::layers::candidates::{Candidates, SampledAffine};
use crate::layers::plan::{INPUT, Plan};
use crate::layers::{Affine, Apply, Bag, BagMode, Gather, MeanOverIds, OuterTable};
use crate::model::{Input, Model};

/// Which fusions a run may use. All pay where they apply; for comparisons each can be turned off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fusions {
    /// An embedding and the mean over its positions become one bag: `[length, units]` are not materialised.
    pub bags: bool,
    /// A large table that one unit alone reads: the gradient between them is not materialised.
    pub outer_tables: bool,
    /// Adam updates a large table's rows only when a batch names them, and replays the steps that they missed
    /// when they come up again: the same weights, to the bit on most devices, at a step's cost that does
    /// not grow with the table.
    pub lazy_rows: bool,
    /// An activation behind a layer that has none of its own is applied as that layer's values are written.
    pub activations: bool,
    /// Values between layers share buffers where none is read any more when the other is written.
    pub shared_values: bool,
    /// A model that fits one workgroup's memory does its steps in one dispatch: the same up to rounding, without
    /// a dispatch for each kernel.
    pub small_steps: bool,
}

impl Fusions {
    /// Every fusion.
    pub const ALL: Fusions = Fusions {
        bags: true,
        outer_tables: true,
        lazy_rows: true,
        activations: true,
        shared_values: true,
        small_steps: true,
    };

    /// None of them.
    pub const NONE: Fusions = Fusions {
        bags: false,
        outer_tables: false,
        lazy_rows: false,
        activations: false,
        shared_values: false,
        small_steps: false,
    };

    /// The same with or without [`Fusions::bags`].
    pub fn with_bags(self, bags: bool) -> Fusions {
        Fusions { bags, ..self }
    }

    /// The same with or without [`Fusions::outer_tables`].
    pub fn with_outer_tables(self, outer_tables: bool) -> Fusions {
        Fusions { outer_tables, ..self }
    }

    /// The same with or without [`Fusions::lazy_rows`].
    pub fn with_lazy_rows(self, lazy_rows: bool) -> Fusions {
        Fusions { lazy_rows, ..self }
    }

    /// The same with or without [`Fusions::activations`].
    pub fn with_activations(self, activations: bool) -> Fusions {
        Fusions { activations, ..self }
    }

    /// The same with or without [`Fusions::shared_values`].
    pub fn with_shared_values(self, shared_values: bool) -> Fusions {
        Fusions { shared_values, ..self }
    }

    /// The same with or without [`Fusions::small_steps`].
    pub fn with_small_steps(self, small_steps: bool) -> Fusions {
        Fusions { small_steps, ..self }
    }
}

impl Default for Fusions {
    fn default() -> Self {
        Fusions::ALL
    }
}

/// An activation that is the one reader of what a product or a normalisation gives becomes a part of it. The last is
/// left: of it a loss takes what is activated.
pub(super) fn activations(plan: &mut Plan) {
    let last = plan.root(plan.output);
    for node in (0..plan.nodes.len()).rev() {
        let reader = plan.only_reader(node);
        let Some(reader) = reader.filter(|&reader| plan.nodes[reader].output != last) else {
            continue;
        };
        let Some(&Apply(activation)) = plan.operation(reader) else { continue };
        if plan.nodes[node].operation.fuse(activation) {
            plan.merge(reader, node);
        }
    }
}

/// An embedding whose one reader is the mean over its positions becomes a bag without a bias.
pub(super) fn bags(plan: &mut Plan) {
    let Some((table, mean)) = (0..plan.nodes.len()).find_map(|node| {
        let mean = plan.operation::<Gather>(node).and(plan.only_reader(node))?;
        plan.operation::<MeanOverIds>(mean).map(|_| (node, mean))
    }) else {
        return;
    };
    let Some(&Gather { rows, units }) = plan.operation(table) else { return };
    let activation = Default::default();
    plan.nodes[table].operation = Box::new(Bag { rows, units, mode: BagMode::Mean, activation });
    plan.nodes[table].output = plan.nodes[mean].output;
    plan.nodes.remove(mean);
}

/// Whether a model reads ids through a bag alone, in all purposes: then its rows may have any length.
pub(crate) fn reads_bags(model: &Model) -> bool {
    let mut plan = Plan::lower(model.layer_shapes()[0], model.layers(), &model.layer_names());
    bags(&mut plan);
    matches!(model.input(), Input::Ids { .. }) && has_bag(&plan)
}

/// Whether a bag is all that reads the input.
pub(super) fn has_bag(plan: &Plan) -> bool {
    plan.operation::<Bag>(0).is_some() && plan.readers(INPUT) == [0]
}

/// A table whose one reader is the dense layer of one unit that ends the plan becomes one operation with
/// it. It is worth while where the table's ids are sorted, and right where the dense layer's weights are in
/// one piece and are updated only after the table's gradient: the caller knows.
pub(super) fn outer_table(plan: &mut Plan) {
    let Some((table, dense)) = (0..plan.nodes.len()).find_map(|node| {
        let dense = plan.operation::<Gather>(node).and(plan.only_reader(node))?;
        let ends = plan.nodes[dense].output == plan.root(plan.output);
        let affine: &Affine = plan.operation(dense)?;
        (ends && affine.units == 1).then_some((node, dense))
    }) else {
        return;
    };
    let (Some(&gather), Some(&affine)) = (plan.operation(table), plan.operation(dense)) else {
        return;
    };
    let width = plan.shape(plan.nodes[dense].inputs[0]).width();
    let table_layer = plan.nodes[table].layer;
    let fused = OuterTable { table: gather, table_layer, dense: affine, width };
    plan.nodes[dense].operation = Box::new(fused);
    plan.nodes[dense].inputs = plan.nodes[table].inputs.clone();
    plan.nodes.remove(table);
}

/// Whether a model ends in a dense layer, so that it can learn from some of its classes.
pub(super) fn ends_in_dense(model: &Model) -> bool {
    let plan = Plan::lower(model.layer_shapes()[0], model.layers(), &model.layer_names());
    last_dense(&plan).is_some()
}

/// The dense layer that ends a plan, as [`sampled`] replaces it: its width and that of what it reads; none where another
/// operation ends it.
pub(super) fn last_dense(plan: &Plan) -> Option<[usize; 2]> {
    let node = plan.nodes.len().checked_sub(1)?;
    let affine: &Affine = plan.operation(node)?;
    let ends = plan.nodes[node].output == plan.root(plan.output);
    ends.then(|| [affine.units, plan.shape(plan.nodes[node].inputs[0]).width()])
}

/// The dense layer that ends a plan learns from candidates.
pub(super) fn sampled(plan: &mut Plan, candidates: Candidates) {
    let Some(node) = plan.nodes.len().checked_sub(1) else { return };
    if let Some(&dense) = plan.operation::<Affine>(node) {
        plan.training_width = Some(candidates.count());
        plan.nodes[node].operation = Box::new(SampledAffine { dense, candidates });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Activation, Layer, Shape};

    fn plan(layers: &[Layer]) -> Plan {
        let names: Vec<String> = (0..layers.len()).map(|i| format!("layer {i}")).collect();
        Plan::lower(Shape::ids(7), layers, &names)
    }

    #[test]
    fn an_embedding_and_its_mean_are_a_bag_unless_something_lies_between() {
        let dense = Layer::dense(3, Activation::Softmax);
        let mut fused = plan(&[Layer::embedding(20, 4), Layer::mean_pool(), dense.clone()]);
        bags(&mut fused);
        assert_eq!(fused.nodes.len(), 2);
        let bag: &Bag = fused.operation(0).expect("a bag");
        assert_eq!((bag.rows, bag.units, bag.mode), (20, 4, BagMode::Mean));
        assert_eq!(fused.nodes[0].output, fused.nodes[1].inputs[0]);
        assert_eq!(fused.nodes[0].layer, 0);

        let between = [Layer::embedding(20, 4), Layer::dropout(0.5), Layer::mean_pool(), dense];
        let mut kept = plan(&between);
        bags(&mut kept);
        assert_eq!(kept.nodes.len(), 4);
        assert!(kept.operation::<Gather>(0).is_some());
    }

    #[test]
    fn an_activation_is_a_part_of_what_it_alone_reads() {
        let head = Layer::dense(3, Activation::Linear);
        let act = Layer::activation_of(Activation::Relu);
        let nodes = |layers: &[Layer]| {
            let names: Vec<String> = (0..layers.len()).map(|i| format!("layer {i}")).collect();
            let mut plan = Plan::lower(Shape::vector(7), layers, &names);
            activations(&mut plan);
            plan.nodes.len()
        };
        let linear = Layer::dense(5, Activation::Linear);
        assert_eq!(nodes(&[linear.clone(), act.clone(), head.clone()]), 2);
        assert_eq!(nodes(&[linear.clone(), Layer::batch_norm(), act.clone(), head.clone()]), 3);
        assert_eq!(nodes(&[Layer::leaky_relu(0.2), head.clone()]), 2);
        // What has an activation, what others read too, and the last keep theirs.
        let tanh = Layer::dense(5, Activation::Tanh);
        assert_eq!(nodes(&[tanh, act.clone(), head.clone()]), 3);
        let both = [linear.clone(), act.clone(), Layer::add("layer 0"), head];
        assert_eq!(nodes(&both), 4);
        assert_eq!(nodes(&[linear, act]), 2);
    }

    #[test]
    fn a_table_and_the_one_unit_behind_it_are_an_outer_product() {
        let head = |units| Layer::dense(units, Activation::Sigmoid);
        let mut fused = plan(&[Layer::embedding(20, 4), Layer::flatten(), head(1)]);
        outer_table(&mut fused);
        assert_eq!(fused.nodes.len(), 1);
        let outer: &OuterTable = fused.operation(0).expect("fused");
        assert_eq!((outer.table_layer, fused.nodes[0].layer, outer.width), (0, 2, 28));

        for layers in [
            vec![Layer::embedding(20, 4), Layer::flatten(), head(2)],
            vec![Layer::embedding(20, 4), Layer::flatten(), head(1), head(1)],
            vec![Layer::embedding(20, 4), Layer::mean_pool(), head(1)],
        ] {
            let mut kept = plan(&layers);
            let before = kept.nodes.len();
            outer_table(&mut kept);
            assert_eq!(kept.nodes.len(), before, "{layers:?}");
        }
    }

    #[test]
    fn a_model_learns_from_some_classes_where_a_dense_layer_ends_it() {
        use crate::{Input, Loss, Model};
        let dense = || Layer::dense(3, Activation::Linear);
        let of = |layers: Vec<Layer>| {
            let model = Model::new(Input::Matrix { features: 4 }, layers, Loss::Mse, 1);
            ends_in_dense(&model.expect("a model"))
        };
        assert!(of(vec![dense()]) && of(vec![Layer::layer_norm(), dense()]));
        let picture = Layer::conv2d(1, 1, Activation::Linear);
        assert!(!of(vec![dense(), Layer::reshape(&[1, 1, 3]), picture]));
    }

    #[test]
    fn each_fusion_is_turned_off_by_its_own_name() {
        let all = Fusions::ALL;
        let one = [
            (all.with_bags(false), Fusions { bags: false, ..all }),
            (all.with_outer_tables(false), Fusions { outer_tables: false, ..all }),
            (all.with_lazy_rows(false), Fusions { lazy_rows: false, ..all }),
            (all.with_activations(false), Fusions { activations: false, ..all }),
            (all.with_shared_values(false), Fusions { shared_values: false, ..all }),
            (all.with_small_steps(false), Fusions { small_steps: false, ..all }),
        ];
        for (found, expected) in one {
            assert_eq!(found, expected);
        }
        let none = all.with_bags(false).with_outer_tables(false).with_lazy_rows(false);
        let none = none.with_activations(false).with_shared_values(false).with_small_steps(false);
        assert_eq!(none, Fusions::NONE);
        assert_eq!(Fusions::NONE.with_bags(true), Fusions { bags: true, ..Fusions::NONE });
        assert_eq!(Fusions::default(), all);
    }
}
