// The sum of an item's one number.
fn sum_of(item: f32) -> f32 {
    return item;
}
