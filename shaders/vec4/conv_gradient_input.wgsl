// conv_gradient_input (see conv_gradient_input.wgsl) for units that are a multiple of 4, over bindings of vec4f; patches and
// kernel by shared/patch_*.wgsl and shared/turned_*.wgsl. One form of shared/product_vec4.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = true;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.pictures * params.lines * params.columns, params.units, params.terms);
}

fn load_a(part: u32, row: u32, k_4: u32) -> vec4f {
    return patch_4(place_of(params.first_picture, row), part, params.first_term + 4u * k_4);
}

fn load_b(part: u32, column: u32, k_4: u32) -> vec4f {
    return turned_4(part, column, params.first_term + 4u * k_4);
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let place = place_of(params.first_picture, row);
    let y = params.target_first_y + place.line * params.target_step_y;
    let x = params.target_first_x + place.column * params.target_step_x;
    let pixel = (place.picture * params.target_height + y) * params.target_width + x;
    let channel_4 = part * (params.units / 4u) + column_4;
    let at = pixel * params.groups * (params.units / 4u) + channel_4;
    var z = sums;
    if params.first_term > 0u {
        z += output[at];
    }
    if params.first_term + params.terms == params.taps_y * params.taps_x * params.channels {
        if params.derivative == 1u {
            let y = values[at];
            z *= activation_derivative_4(params.activation, y);
        } else {
            if params.bias == 1u {
                z += values[channel_4];
            }
            z = activate_4(params.activation, z);
        }
    }
    output[at] = z;
}
