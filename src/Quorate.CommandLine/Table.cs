using System.Text;

namespace Quorate.CommandLine;

/// <summary>A table in the form of 3.4 and 3.5: plus, minus and bar, the header centred, cells to the right (spec 07
/// §6.2).</summary>
public sealed class Table(params string[] columns)
{
    private const int WrapWidth = 30;

    private readonly List<string[]> _rows = [];

    public void Add(params string[] cells) => _rows.Add(cells);

    public override string ToString()
    {
        string[] header = [.. columns.Select(Header)];
        List<string[][]> rows = [.. _rows.Select(row => row.Select(Lines).ToArray())];
        int[] widths = [.. Enumerable.Range(0, columns.Length)
            .Select(column => rows.SelectMany(row => row[column]).Append(header[column]).Max(cell => cell.Length))];
        var text = new StringBuilder();
        string rule = "+" + string.Concat(widths.Select(width => new string('-', width + 2) + "+")) + "\n";
        text.Append(rule);
        Line(text, widths, header, Centred);
        text.Append(rule);
        foreach (string[][] row in rows)
        {
            for (int line = 0; line < row.Max(cell => cell.Length); line++)
            {
                Line(text, widths, [.. row.Select(cell => line < cell.Length ? cell[line] : "")], (cell, width) =>
                    cell.PadLeft(width));
            }
        }

        return text.Append(rule).ToString();
    }

    private static void Line(StringBuilder text, int[] widths, string[] cells, Func<string, int, string> pad)
    {
        text.Append('|');
        for (int column = 0; column < cells.Length; column++)
        {
            text.Append(' ').Append(pad(cells[column], widths[column])).Append(" |");
        }

        text.Append('\n');
    }

    private static string Centred(string cell, int width)
    {
        int left = (width - cell.Length) / 2;
        return new string(' ', left) + cell + new string(' ', width - cell.Length - left);
    }

    private static string Header(string name) => name.Replace('_', ' ').Trim().ToUpperInvariant();

    /// <summary>A wide cell is broken at its blanks.</summary>
    private static string[] Lines(string cell)
    {
        cell = cell.Trim();
        if (cell.Length <= WrapWidth || !cell.Contains(' ', StringComparison.Ordinal))
        {
            return cell.Split('\n');
        }

        var lines = new List<string>();
        string line = "";
        foreach (string word in cell.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > WrapWidth)
            {
                lines.Add(line);
                line = word;
            }
            else
            {
                line = line.Length == 0 ? word : $"{line} {word}";
            }
        }

        lines.Add(line);
        return [.. lines];
    }
}
