module example.org/rcgw

go 1.22
