using System.Text;

namespace Quorate.Server.Operations.Metrics;

/// <summary>Labels as they stand between the braces.</summary>
internal static class Labels
{
    public static string Text(string family, string[] names, ReadOnlySpan<string> values)
    {
        if (values.Length != names.Length)
        {
            throw new ArgumentException($"{family} has {names.Length} labels");
        }

        var text = new StringBuilder();
        for (int index = 0; index < values.Length; index++)
        {
            text.Append(index == 0 ? "" : ",").Append(names[index]).Append("=\"")
                .Append(values[index].Replace("\\", "\\\\", StringComparison.Ordinal)
                    .Replace("\"", "\\\"", StringComparison.Ordinal)
                    .Replace("\n", "\\n", StringComparison.Ordinal)).Append('"');
        }

        return text.ToString();
    }
}
