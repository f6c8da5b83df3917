// conv_forward (see conv_forward.wgsl) for channels and units that are multiples of 4, over bindings of vec4f. One form of
// shared/product_vec4.wgsl.

const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;

fn product_size(part: u32) -> vec3u {
    return vec3u(params.pictures * params.lines * params.columns, params.units, params.terms);
}

fn load_a(part: u32, row: u32, k_4: u32) -> vec4f {
    let place = place_of(params.first_picture, row);
    let element = patch_element(place, part, term_of(params.first_term + 4u * k_4));
    return select(vec4f(0.0), source[element.at / 4u], element.inside);
}

fn load_b(part: u32, column_4: u32, k: u32) -> vec4f {
    let units_4 = params.units / 4u;
    return weights[(params.first_term + k) * params.groups * units_4 + part * units_4 + column_4];
}

fn store(part: u32, row: u32, column_4: u32, sums: vec4f) {
    let place = place_of(params.first_picture, row);
    let units_4 = params.units / 4u;
    let pixel = (place.picture * params.target_height + place.line) * params.columns + place.column;
    let unit_4 = part * units_4 + column_4;
    let at = pixel * params.groups * units_4 + unit_4;
    let all = params.taps_y * params.taps_x * params.channels;
    var z = sums;
    if params.first_term > 0u {
        z += output[at];
    }
    if params.first_term + params.terms == all {
        if params.derivative == 1u {
            let y = values[at];
            z *= activation_derivative_4(params.activation, y);
        } else {
            if params.bias == 1u {
                z += weights[all * params.groups * units_4 + unit_4];
            }
            z = activate_4(params.activation, z);
        }
    }
    output[at] = z;
}
