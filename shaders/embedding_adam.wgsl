// Adam (see adam.wgsl) on the rows of a table that a batch names, and on no others: shared/named_rows.wgsl
// finds them.

fn move_item(at: u32, g: Item, rate: f32) {
    let m = params.beta_1 * first_moments[at] + params.complement_1 * g;
    let v = params.beta_2 * second_moments[at] + params.complement_2 * (g * g);
    first_moments[at] = m;
    second_moments[at] = v;
    weights[at] -= rate * m / (sqrt(v) + params.epsilon);
}
