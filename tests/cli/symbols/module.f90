! Modules and contained procedures: Fortran for tests/cli/74_symbols.sh.
module numbers
  implicit none
contains
  function squares(n) result(s)
    integer, intent(in) :: n
    integer :: s, i
    s = 0
    do i = 1, n
      s = s + one(i)
    end do
  contains
    integer function one(k)
      integer, intent(in) :: k
      one = k * k
    end function one
  end function squares
end module numbers

program main
  use numbers
  implicit none
  print *, squares(command_argument_count() + 10)
end program main
