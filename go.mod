module tap

go 1.24
