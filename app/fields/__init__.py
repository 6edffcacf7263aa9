"""Fields of datasets: their types, the values of cells and the filters over them."""
