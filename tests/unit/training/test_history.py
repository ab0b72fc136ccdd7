from digitserve_training.history import Epoch, as_csv, best

HISTORY = [
    Epoch(1, 0.5, 0.25, 0.9, 0.002, 1.5),
    Epoch(2, 0.25, 0.125, 0.95, 0.0, 1.25),
    Epoch(3, 0.2, 0.125, 0.96, 0, 1),
]


def test_a_line_for_each_epoch() -> None:
    assert as_csv(HISTORY[:2]) == (
        "epoch,loss,validation_loss,validation_accuracy,learning_rate,seconds\n"
        "1,0.5,0.25,0.9,0.002,1.5\n"
        "2,0.25,0.125,0.95,0.0,1.25\n"
    )


def test_the_best_has_the_lowest_validation_loss_and_is_the_first_of_equals() -> None:
    assert best(HISTORY).epoch == 2
