"""CSV files as programs really write them: headers, line ends, encodings, line numbers."""

import pytest

from mmm.errors import InputError, SourceError
from mmm.tables import read_leads, read_touches

HEAD = "lead_id,created_at,code\n"
ROWS = "l1,2024-01-31,007\nl2,2024-01-31,010\n"


def written(tmp_path, text, name="leads.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("above", ["\n", "\r\n\r\n", "  \n", ",,\n", "sep=,\n", '"sep=,"\r\n\n'])
def test_blank_lines_above_the_header_change_nothing(tmp_path, above):
    read = read_leads(written(tmp_path, above + HEAD + ROWS))
    assert read.columns.tolist() == ["lead_id", "created_at", "code"]
    assert read["code"].tolist() == ["007", "010"]


def test_the_separator_that_excel_declares_is_used(tmp_path):
    text = "sep=;\nlead_id;created_at;a,b\nl1;2024-01-31;1\n"
    assert read_leads(written(tmp_path, text)).columns.tolist()[-1] == "a,b"


def test_headers_may_be_quoted_over_several_lines(tmp_path):
    path = written(tmp_path, 'lead_id,"created\nat","code, old"\n' + ROWS)
    read = read_leads(path, columns={"created_at": "created\nat"})
    assert read["code, old"].tolist() == ["007", "010"]
    path = written(tmp_path, 'lead_id,"created\nat",code\nl1,2024-01-31,1\nl2,,2\n')
    with pytest.raises(InputError, match=r"missing in row 2 of leads.csv, line 4"):
        read_leads(path, columns={"created_at": "created\nat"})


def test_messages_name_the_lines_of_the_file(tmp_path):
    text = "\n" + HEAD + "\nl1,2024-01-31,1\n\n\nl2,,2\n"
    with pytest.raises(InputError, match=r"is missing in row 2 of leads.csv, line 7"):
        read_leads(written(tmp_path, text))
    text = HEAD + '\nl1,2024-01-31,"a\nb"\n\nl1,2024-01-31,2\n'
    with pytest.raises(InputError, match=r"in rows 1, 2 of leads.csv, lines 3, 6 \('l1'\)"):
        read_leads(written(tmp_path, text))
    with pytest.raises(SourceError, match="line 5: 2 fields where the header has 3"):
        read_leads(written(tmp_path, HEAD + "\nl1,2024-01-31,1\n\nl2,2024-01-31\n"))


def test_a_field_of_megabytes_is_read(tmp_path):
    long = "a\n" * 1_500_000
    read = read_leads(written(tmp_path, HEAD + f'l1,2024-01-31,"{long}x"\n'))
    assert len(read["code"].iloc[0]) == len(long) + 1


def test_line_ends_of_old_programs_are_read(tmp_path):
    read = read_leads(written(tmp_path, (HEAD + ROWS).replace("\n", "\r")))
    assert read["lead_id"].tolist() == ["l1", "l2"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n\n", "is empty"),
        (",,\n", "is empty"),
        (HEAD.encode("utf-16")[:-1], "not whole UTF-16"),
        (HEAD.encode("utf-16-le"), "zero bytes"),
    ],
)
def test_bad_input_29_files_that_are_no_text(tmp_path, raw, said):
    with pytest.raises(SourceError, match=said):
        read_leads(written(tmp_path, raw))


def test_paths_that_are_no_files(tmp_path):
    written(tmp_path, HEAD)
    with pytest.raises(SourceError, match=r"is a folder; it holds 'leads.csv'"):
        read_touches(tmp_path)
    with pytest.raises(SourceError, match="Correct the path"):
        read_touches(tmp_path / ("x" * 5000 + ".csv"))
