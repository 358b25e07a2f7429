//! Borrowing our buffers as OpenCV matrices and back. No image processing of its own.

use opencv::boxed_ref::BoxedRef;
use opencv::core::Mat;
use opencv::prelude::*;

/// A view of `data` (`height`×`width`, one channel) as a matrix; nothing is copied.
pub fn view<T: opencv::core::DataType>(
    data: &[T],
    width: usize,
    height: usize,
) -> opencv::Result<BoxedRef<'_, Mat>> {
    Mat::new_rows_cols_with_data(height as i32, width as i32, data)
}

/// The samples of a continuous one-channel matrix, row by row.
pub fn samples<T: opencv::core::DataType + Copy>(mat: &Mat) -> opencv::Result<Vec<T>> {
    Ok(mat.data_typed::<T>()?.to_vec())
}
