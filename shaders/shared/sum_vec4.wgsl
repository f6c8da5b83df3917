// The sum of an item's four numbers.
fn sum_of(item: vec4f) -> f32 {
    return (item.x + item.y) + (item.z + item.w);
}
